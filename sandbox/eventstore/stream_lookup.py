"""What the database says about one stream."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.eventstore.decision import StoredId
from sandbox.eventstore.stream_state import NO_EVENTS, TOMBSTONE_NUMBER, StreamState

_STREAMS = """
SELECT name, id, metadata, (SELECT max(number) FROM events WHERE stream_id = streams.id)
FROM streams WHERE name IN
"""
_WITH_ID = """
SELECT number, position FROM events WHERE stream_id = ? AND event_id = ?
ORDER BY number DESC LIMIT 1
"""
_AT = "SELECT event_id, position FROM events WHERE stream_id = ? AND number = ?"


def load_stream(connection: sqlite3.Connection, name: str) -> StreamState:
    """Return the stream as this connection sees it, also when nothing is stored under the name."""
    (state,) = load_streams(connection, [name])
    return state


def load_streams(connection: sqlite3.Connection, names: Sequence[str]) -> list[StreamState]:
    """Return several streams with one look at the database, in the order of the names."""
    rows = connection.execute(f"{_STREAMS} ({', '.join('?' * len(names))})", names)
    known = {name: _state(name, *row) for name, *row in rows}
    return [known.get(name) or StreamState(name) for name in names]


def _state(name: str, stream_id: int, metadata: bytes | None, last: int | None) -> StreamState:
    return StreamState(
        name,
        stream_id=stream_id,
        last=NO_EVENTS if last is None else last,
        tombstoned=last == TOMBSTONE_NUMBER,
        metadata=metadata,
    )


@dataclass(frozen=True, slots=True)
class StoredHistory:
    """The events of one stream, asked about one at a time.

    Attributes:
        connection: Where they are.
        stream_id: The stream's row, ``None`` if it has none.
        before_asking: Called before each question, to bring the database up to date.
    """

    connection: sqlite3.Connection
    stream_id: int | None
    before_asking: Callable[[], None]

    def with_id(self, event_id: bytes) -> StoredId | None:
        """Return the newest event of the stream with this id."""
        if self.stream_id is None:
            return None
        self.before_asking()
        row = self.connection.execute(_WITH_ID, (self.stream_id, event_id)).fetchone()
        return None if row is None else StoredId(event_id, *row)

    def at(self, number: int) -> StoredId | None:
        """Return the event with this number."""
        self.before_asking()
        row = self.connection.execute(_AT, (self.stream_id, number)).fetchone()
        return None if row is None else StoredId(row[0], number, row[1])
