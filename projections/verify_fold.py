"""Folds a log again, on its own: no batches, no checkpoints, nothing of what was stored before."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, NamedTuple

from payment_gateway.infrastructure.messaging.log_reading import read_log
from payment_gateway.infrastructure.persistence.event_log import (
    EventLog,
    RecordedEvent,
    UnknownRecord,
)
from payment_gateway.infrastructure.persistence.mongodb import Document
from projections.generations import Generation, partition_of
from projections.read_model import Changes, Found, Key, ReadModel
from projections.verify_money import add_up
from projections.verify_report import EventPlace, Fault, FaultKind, Faults
from projections.verify_shelf import Shelf

_PAYMENT: Final = "payment-"

Watch = Callable[[RecordedEvent, Found, Changes], None]
"""Told of each event with the documents before it and those that it changed."""


class Turn(NamedTuple):
    """When an event was applied that had been parked; turns are in the order of their fields.

    Attributes:
        after: The position in the log that its partition had reached.
        epoch: Of the partition's lease: grows with each replay.
        position: Of the event.
    """

    after: int
    epoch: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The moment that is compared.

    Attributes:
        positions: Up to where each partition had come.
        parked: Positions of events that were not applied, by partition: parked, or discarded.
        parked_streams: The streams that these are of.
        replayed: When events were applied that had been parked, by partition and their positions.
    """

    positions: tuple[int, ...]
    parked: tuple[frozenset[int], ...]
    parked_streams: frozenset[str]
    replayed: tuple[Mapping[int, Turn], ...]

    @property
    def end(self) -> int:
        """The position up to which the log has to be read."""
        return max(self.positions)


@dataclass(slots=True)
class Steps:
    """What a verification has done so far: documents read and events folded; grows while it gets on."""

    taken: int = 0


class Refold:
    """Folds the events of some streams up to a point, onto a shelf.

    Args:
        model: Whose documents.
        generation: Which partitions there are.
        point: Up to where.
        shelf: Takes the documents.
        money: Takes what the events say that was moved, by payment.
        steps: Counts the events.
    """

    def __init__(
        self,
        model: ReadModel,
        generation: Generation,
        point: Point,
        shelf: Shelf,
        money: Shelf,
        *,
        steps: Steps,
    ) -> None:
        self._model: Final = model
        self._generation: Final = generation
        self._point: Final = point
        self._shelf: Final = shelf
        self._money: Final = money
        self._steps: Final = steps
        # What was replayed and has not had its turn, by partition, the next one first.
        self._waiting: Final[list[list[tuple[Turn, RecordedEvent | UnknownRecord]]]] = [
            [] for _ in point.positions
        ]
        self.events = 0
        self.faults: Final = Faults()

    async def run(self, log: EventLog, streams: str, watch: Watch | None = None) -> None:
        """Read and fold.

        Raises:
            LogNotRead: The event store did not send all of it.
            EventStoreUnavailable: The connection is gone.
        """
        for waiting in self._waiting:
            waiting.clear()
        async for record in read_log(log, streams, to=self._point.end):
            partition = self._partition(record.stream)
            if record.position > self._point.positions[partition]:
                continue
            self.events += 1
            self._steps.taken += 1
            if not self._shelf.is_new_id(record.event_id, record.position):
                self.faults.add(_twice(record))
            if isinstance(record, RecordedEvent):
                broken = add_up(self._money, record)
                if broken is not None:
                    self.faults.add(broken)
            if record.type not in self._model.events:
                continue
            if record.position not in self._point.parked[partition]:
                self._take(record, partition, watch)
        for partition in range(len(self._waiting)):
            self._catch_up(partition, self._point.end + 1, watch)

    def _take(
        self, record: RecordedEvent | UnknownRecord, partition: int, watch: Watch | None
    ) -> None:
        """Apply an event, or have it wait for the turn in which it was replayed."""
        self._catch_up(partition, record.position, watch)
        turn = self._point.replayed[partition].get(record.position)
        if turn is None:
            self._apply(record, watch)
        else:
            insort(self._waiting[partition], (turn, record), key=itemgetter(0))

    def _catch_up(self, partition: int, position: int, watch: Watch | None) -> None:
        """Apply what was replayed before the partition came to a position."""
        waiting = self._waiting[partition]
        while waiting and waiting[0][0].after < position:
            _, record = waiting.pop(0)
            self._apply(record, watch)

    def _apply(self, record: RecordedEvent | UnknownRecord, watch: Watch | None) -> None:
        if isinstance(record, UnknownRecord):
            self.faults.add(_not_parked(record, record.cause))
            return
        try:
            found = {key: self._shelf.get(key) for key in self._model.keys(record)}
            changes = self._model.project(found, record)
        except Exception as error:  # noqa: BLE001 - a read model's code met what it cannot take
            self.faults.add(_not_parked(record, f"{type(error).__name__}: {error}"))
            return
        for key, document in changes.items():
            self._shelf.put(key, placed(key, document, record, found.get(key)), record)
        if watch is not None:
            watch(record, found, changes)

    def _partition(self, stream: str) -> int:
        if not stream.startswith(_PAYMENT):
            return 0
        return partition_of(stream.removeprefix(_PAYMENT), self._generation.partitions)


def placed(
    key: Key, document: Mapping[str, object], after: RecordedEvent, before: Document | None
) -> Document:
    """Return a document with the id and the position that it is stored with.

    An event that was replayed does not take back how far the document had come before it.
    """
    reached = before["position"] if before else 0
    return {**document, "_id": key.id, "position": max(after.position, reached)}


def _twice(record: RecordedEvent | UnknownRecord) -> Fault:
    return Fault(
        kind=FaultKind.EVENT_ID_TWICE,
        cause="two events of the log have the same id",
        found=record.event_id,
        event=EventPlace.of(record),
    )


def _not_parked(record: RecordedEvent | UnknownRecord, cause: str) -> Fault:
    return Fault(
        kind=FaultKind.NOT_PARKED,
        cause=f"it cannot be applied and yet is not parked: {cause}",
        event=EventPlace.of(record),
    )
