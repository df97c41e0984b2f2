"""What is to be done with the items of a batch: handle, park, and how far that brings the checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from payment_gateway.infrastructure.messaging.canary import is_canary
from payment_gateway.infrastructure.messaging.parking import Parked
from payment_gateway.infrastructure.persistence.event_log import (
    CaughtUp,
    Checkpoint,
    LogItem,
    RecordedEvent,
    UnknownRecord,
)

Record = RecordedEvent | UnknownRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What arrived together.

    Attributes:
        records: Those that are new, in order.
        position: Up to here the log has been read.
        caught_up: Whether history was exhausted with it.
        canary_at: When the newest of the marks in it was written, if there was one.
        unknown: The stored names of what this release has never heard of, as often as they came.
    """

    records: tuple[Record, ...]
    position: int
    caught_up: bool
    canary_at: datetime | None = None
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What one transaction carries: events for the handler, events to park, the new position."""

    events: tuple[RecordedEvent, ...]
    parked: tuple[Parked, ...]
    position: int
    canary_at: datetime | None = None


def collect(items: Iterable[LogItem], *, after: int) -> Batch:
    """Gather items; what is not after the position was delivered before and is left out."""
    records: list[Record] = []
    unknown: list[str] = []
    canary_at: datetime | None = None
    caught_up = False
    for item in items:
        match item:
            case CaughtUp():
                caught_up = True
            case Checkpoint(position):
                after = max(after, position)
            case RecordedEvent() | UnknownRecord():
                if item.position <= after:
                    continue
                after = item.position
                if isinstance(item, UnknownRecord) and not item.is_known:
                    unknown.append(item.type)
                elif isinstance(item, RecordedEvent) and is_canary(item):
                    canary_at = item.context.at
                else:
                    records.append(item)
    return Batch(
        records=tuple(records),
        position=after,
        caught_up=caught_up,
        canary_at=canary_at,
        unknown=tuple(unknown),
    )


def sort_out(
    records: Sequence[Record],
    parked_streams: AbstractSet[str],
    *,
    position: int,
    canary_at: datetime | None = None,
) -> Delivery:
    """Tell what can be handled from what cannot be read or waits behind something parked."""
    blocked = set(parked_streams)
    events: list[RecordedEvent] = []
    parked: list[Parked] = []
    for record in records:
        if isinstance(record, UnknownRecord):
            blocked.add(record.stream)
            parked.append(Parked(record, record.cause))
        elif record.stream in blocked:
            parked.append(Parked(record, "an earlier event of its stream is parked"))
        else:
            events.append(record)
    return Delivery(
        events=tuple(events), parked=tuple(parked), position=position, canary_at=canary_at
    )
