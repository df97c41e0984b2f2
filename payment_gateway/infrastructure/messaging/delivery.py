"""What is to be done with the items of a batch: handle, park, and how far that brings the checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

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
    """

    records: tuple[Record, ...]
    position: int
    caught_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What one transaction carries: events for the handler, events to park, the new position."""

    events: tuple[RecordedEvent, ...]
    parked: tuple[Parked, ...]
    position: int


def collect(items: Iterable[LogItem], *, after: int) -> Batch:
    """Gather items; what is not after the position was delivered before and is left out."""
    records: list[Record] = []
    caught_up = False
    for item in items:
        match item:
            case CaughtUp():
                caught_up = True
            case Checkpoint(position):
                after = max(after, position)
            case RecordedEvent() | UnknownRecord():
                if item.position > after:
                    after = item.position
                    records.append(item)
    return Batch(records=tuple(records), position=after, caught_up=caught_up)


def sort_out(
    records: Sequence[Record], parked_streams: AbstractSet[str], *, position: int
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
    return Delivery(events=tuple(events), parked=tuple(parked), position=position)
