"""Applies one write after another inside a transaction that somebody else begins and commits."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any
from zlib import crc32

from sandbox.eventstore import recorded_event
from sandbox.eventstore.database import HIDDEN
from sandbox.eventstore.decision import WriteNow, decide
from sandbox.eventstore.group_table import write_group
from sandbox.eventstore.names import Names
from sandbox.eventstore.pending_rows import PendingRows
from sandbox.eventstore.recent import CommittedEvent
from sandbox.eventstore.scavenging import scavenge
from sandbox.eventstore.stream_lookup import StoredHistory, load_streams
from sandbox.eventstore.stream_state import (
    METADATA_TYPE,
    NO_EVENTS,
    SOFT_DELETED,
    TOMBSTONE_NUMBER,
    TOMBSTONE_TYPE,
    StreamState,
    category,
    described_stream,
    hidden_from_log,
    metadata_stream,
)
from sandbox.eventstore.writes import (
    Append,
    Delete,
    DropGroup,
    Outcome,
    ProposedEvent,
    PutGroup,
    SettleGroup,
    Tombstone,
    Write,
    Written,
    WrongRevision,
)

STREAMS_CACHED_MAX = 8192

_INSERT_STREAMS = "INSERT INTO streams (id, name) VALUES "
_INSERT_EVENTS = """
INSERT INTO events
(position, stream_id, number, type_id, category_id, event_id, created, checksum, response) VALUES
"""
_SET_METADATA = """
INSERT INTO streams (id, name, metadata) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET metadata = excluded.metadata
"""


class LogWriter:
    """The log, as the only one who writes it sees it.

    What it remembers of streams is true only as long as every transaction is committed; after a
    rollback it must be told to ``forget``.

    Attributes:
        position: Position of the last event.
        stored: What was stored since somebody last took it away.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._streams: dict[str, StreamState] = {}
        self._types = Names(connection, "types")
        self._categories = Names(connection, "categories")
        self._new_streams = PendingRows(connection, _INSERT_STREAMS, columns=2)
        self._new_events = PendingRows(connection, _INSERT_EVENTS, columns=9)
        self._last_stream_id = 0
        self.position = 0
        self.stored: list[CommittedEvent] = []
        self.forget()

    def forget(self) -> None:
        """Take everything from the database again."""
        self._streams.clear()
        self._types.forget()
        self._categories.forget()
        self._new_streams.drop()
        self._new_events.drop()
        self.stored.clear()
        last = "SELECT (SELECT max(position) FROM events), (SELECT max(id) FROM streams)"
        position, stream_id = self._connection.execute(last).fetchone()
        self.position, self._last_stream_id = position or 0, stream_id or 0

    def expect(self, streams: Collection[str]) -> None:
        """Look up together the streams that a group of writes will ask for."""
        unknown = [name for name in set(streams) if name not in self._streams]
        if unknown:
            for state in load_streams(self._connection, unknown):
                self._remember(state)

    def flush(self) -> None:
        """Give the database what it has not been given yet; to be called before the commit.

        Raises:
            sqlite3.Error: The transaction must be rolled back.
        """
        self._new_streams.write()
        self._new_events.write()

    def apply(self, write: Write) -> Outcome:
        """Decide about a write and carry it out.

        Raises:
            sqlite3.Error: The transaction must be rolled back.
        """
        match write:
            case Append(stream, expected, events):
                return self._append(self._stream(stream), expected, events)
            case Delete(stream, expected):
                return self._delete(self._stream(stream), expected)
            case Tombstone(stream, expected):
                return self._tombstone(self._stream(stream), expected)
            case PutGroup() | SettleGroup() | DropGroup():
                write_group(self._connection, write)
                return Written(NO_EVENTS, self.position)

    def _append(
        self, stream: StreamState, expected: int, events: Sequence[ProposedEvent]
    ) -> Outcome:
        decision = self._decide(stream, expected, [event.event_id for event in events])
        if not isinstance(decision, WriteNow):
            return decision
        if not events:
            return Written(stream.last, self.position)
        described = described_stream(stream.name)
        described_before = None if described is None else self._stream(described)
        written = self._store(stream, events)
        if stream.soft_deleted:
            self._set_truncate_before(stream, stream.last + 1)
        if described_before is not None and described_before.soft_deleted:
            # Setting metadata must not bring a deleted stream's events back to light.
            described_now = self._stream(described_before.name)
            self._set_truncate_before(described_now, described_now.last + 1)
        return written

    def _delete(self, stream: StreamState, expected: int) -> Outcome:
        decision = self._decide(stream, expected, [uuid.uuid4().bytes])
        if not isinstance(decision, WriteNow):
            return decision
        if stream.last == NO_EVENTS and stream.metadata is None:
            return WrongRevision(NO_EVENTS)
        return self._store_metadata(stream, {"$tb": SOFT_DELETED})

    def _tombstone(self, stream: StreamState, expected: int) -> Outcome:
        decision = self._decide(stream, expected, [uuid.uuid4().bytes])
        if not isinstance(decision, WriteNow):
            return decision
        end = ProposedEvent(
            uuid.uuid4().bytes, TOMBSTONE_TYPE, is_json=False, data=b"", metadata=b""
        )
        written = self._store(replace(stream, last=TOMBSTONE_NUMBER - 1), [end])
        self.flush()
        scavenge(self._connection, stream.name, self._types)
        return written

    def _decide(
        self, stream: StreamState, expected: int, event_ids: Sequence[bytes]
    ) -> WriteNow | Outcome:
        history = StoredHistory(self._connection, stream.stream_id, before_asking=self.flush)
        return decide(stream, history, expected, event_ids)

    def _set_truncate_before(self, stream: StreamState, number: int) -> None:
        self._store_metadata(stream, {**stream.document, "$tb": number})

    def _store_metadata(self, stream: StreamState, document: dict[str, Any]) -> Written:
        data = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        event = ProposedEvent(
            uuid.uuid4().bytes, METADATA_TYPE, is_json=True, data=data, metadata=b""
        )
        return self._store(self._stream(metadata_stream(stream.name)), [event])

    def _store(self, stream: StreamState, events: Sequence[ProposedEvent]) -> Written:
        """Write events behind the last one of a stream, whatever was expected."""
        stream_id = stream.stream_id or self._new_stream(stream.name)
        hidden = hidden_from_log(stream.name)
        category_id = HIDDEN if hidden else self._categories.id_of(category(stream.name))
        created = recorded_event.now_ticks()
        number, position = stream.last, self.position
        for event in events:
            number, position = number + 1, position + 1
            response = recorded_event.encode(
                event, stream=stream.name, number=number, position=position, created=created
            )
            type_id = self._types.id_of(event.type)
            row = (stream_id, number, type_id, category_id, event.event_id, created)
            self._new_events.add((position, *row, crc32(response), response))
            committed = CommittedEvent(position, stream.name, event.type, response, hidden)
            self.stored.append(committed)
        self.position = position
        tombstoned = number == TOMBSTONE_NUMBER
        self._remember(
            StreamState(
                stream.name,
                stream_id=stream_id,
                last=number,
                tombstoned=tombstoned,
                metadata=stream.metadata,
            )
        )
        self._apply_metadata(stream.name, events[-1].data)
        return Written(number, position)

    def _apply_metadata(self, name: str, data: bytes) -> None:
        described = described_stream(name)
        if described is None:
            return
        self.flush()
        self._last_stream_id += 1
        self._connection.execute(_SET_METADATA, (self._last_stream_id, described, data))
        self._streams.pop(described, None)

    def _new_stream(self, name: str) -> int:
        self._last_stream_id += 1
        self._new_streams.add((self._last_stream_id, name))
        return self._last_stream_id

    def _stream(self, name: str) -> StreamState:
        state = self._streams.get(name)
        if state is None:
            self.flush()
            (state,) = load_streams(self._connection, [name])
            self._remember(state)
        return state

    def _remember(self, state: StreamState) -> None:
        if len(self._streams) >= STREAMS_CACHED_MAX:
            self._streams.clear()
        self._streams[state.name] = state
