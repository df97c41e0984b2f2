"""Whether an append is new, a repetition, or refused. Pure: it reads nothing but what it is given.

The order of the checks is EventStoreDB's: a deleted stream first, then repetition by event id,
then the expected revision. Source: EventStoreDB 24.10 server, `IndexWriter.CheckCommit`; its
documentation, "Appending events" (idempotence). Where the server consults a cache of recent ids,
this looks at all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sandbox.eventstore.stream_state import NO_EVENTS, StreamState
from sandbox.eventstore.writes import (
    ANY,
    NO_STREAM,
    STREAM_EXISTS,
    Outcome,
    StreamIsDeleted,
    Written,
    WrongRevision,
)


@dataclass(frozen=True, slots=True)
class StoredId:
    """An event that a stream already has."""

    event_id: bytes
    number: int
    position: int


class StreamHistory(Protocol):
    """What can be asked about the events that a stream already has."""

    def with_id(self, event_id: bytes) -> StoredId | None:
        """Return the newest event of the stream with this id."""

    def at(self, number: int) -> StoredId | None:
        """Return the event with this number."""


class WriteNow:
    """The answer that lets the events be written at the end of the stream."""


def decide(
    stream: StreamState, history: StreamHistory, expected: int, event_ids: Sequence[bytes]
) -> WriteNow | Outcome:
    """Say what becomes of a request to append events with these ids.

    Args:
        stream: The stream as it is now.
        history: Its events.
        expected: A number, or ``ANY``, ``NO_STREAM`` or ``STREAM_EXISTS``.
        event_ids: In the order of the events; none is a mere check of the revision.
    """
    if stream.tombstoned:
        return StreamIsDeleted()
    if expected == STREAM_EXISTS:
        if stream.soft_deleted:
            return StreamIsDeleted()
        if stream.last == NO_EVENTS and stream.metadata is None:
            return WrongRevision(NO_EVENTS)
    if expected in {ANY, STREAM_EXISTS}:
        return _repeated_anywhere(stream, history, event_ids)
    if expected > stream.last:
        return WrongRevision(stream.last)
    if expected == stream.last:
        return WriteNow()
    return _repeated_after(stream, history, expected, event_ids)


def _repeated_anywhere(
    stream: StreamState, history: StreamHistory, event_ids: Sequence[bytes]
) -> WriteNow | Outcome:
    """No revision was named: known ids anywhere in the stream make it a repetition."""
    known = history.with_id(event_ids[0]) if event_ids else None
    if known is None:
        return WriteNow()
    for event_id in event_ids[1:]:
        known = history.with_id(event_id)
        if known is None:
            return WrongRevision(stream.last)
    return Written(known.number, known.position)


def _repeated_after(
    stream: StreamState, history: StreamHistory, expected: int, event_ids: Sequence[bytes]
) -> WriteNow | Outcome:
    """The named revision is past: the same ids right behind it make it a repetition."""
    stored = None
    for number, event_id in enumerate(event_ids, start=expected + 1):
        stored = history.at(number)
        if stored is None or stored.event_id != event_id:
            starts_again = expected == NO_STREAM and stream.soft_deleted and number == 0
            return WriteNow() if starts_again else WrongRevision(stream.last)
    return Written(stored.number, stored.position) if stored else WrongRevision(stream.last)
