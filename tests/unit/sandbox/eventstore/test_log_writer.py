"""Whatever is asked of the writer, streams stay gapless and repetitions change nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.eventstore.database import open_writer
from sandbox.eventstore.log_writer import LogWriter
from sandbox.eventstore.stream_lookup import load_stream
from sandbox.eventstore.writes import (
    ANY,
    NO_STREAM,
    STREAM_EXISTS,
    Append,
    Delete,
    ProposedEvent,
    StreamIsDeleted,
    Tombstone,
    Write,
    Written,
)

STREAMS = st.sampled_from(["a", "$$a", "b"])
EXPECTED = st.sampled_from([ANY, NO_STREAM, STREAM_EXISTS, 0, 1, 2])


@st.composite
def appends(draw: st.DrawFn) -> Append:
    ids = draw(st.lists(st.integers(1, 6), max_size=3))
    data = draw(st.sampled_from([b"{}", b'{"$maxCount":1}', b"no json", b"[" * 100_000]))
    events = tuple(ProposedEvent(n.to_bytes(16), "Happened", True, data, b"") for n in ids)
    return Append(draw(STREAMS), draw(EXPECTED), events)


DELETES = st.builds(Delete, st.sampled_from(["a", "b"]), EXPECTED)
TOMBSTONES = st.builds(Tombstone, st.just("b"), EXPECTED)
WRITES = st.lists(st.one_of(appends(), appends(), DELETES, TOMBSTONES), max_size=12)


@contextmanager
def new_log() -> Iterator[sqlite3.Connection]:
    with closing(open_writer(Path(":memory:"))) as connection:
        yield connection


def dump(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    rows = "SELECT position, name, number, event_id FROM events JOIN streams ON id = stream_id"
    return connection.execute(f"{rows} ORDER BY position").fetchall()


@settings(max_examples=150)
@given(WRITES)
def test_positions_and_numbers_have_no_gaps(writes: list[Write]) -> None:
    with new_log() as connection:
        log = LogWriter(connection)
        for write in writes:
            before = log.position
            outcome = log.apply(write)
            if not isinstance(outcome, Written):
                assert log.position == before
        log.flush()
        rows = dump(connection)
        assert [row[0] for row in rows] == list(range(1, log.position + 1))
        for stream in ("a", "$$a", "b", "$$b"):
            numbers = [row[2] for row in rows if row[1] == stream and row[2] != 2**63 - 1]
            assert numbers == list(range(len(numbers)))


@settings(max_examples=150)
@given(WRITES)
def test_what_the_writer_remembers_is_what_the_database_says(writes: list[Write]) -> None:
    with new_log() as connection:
        log = LogWriter(connection)
        for write in writes:
            log.apply(write)
        log.flush()
        for name in ("a", "$$a", "b", "$$b"):
            remembered, stored = log._stream(name), load_stream(connection, name)
            assert remembered.tombstoned == stored.tombstoned
            assert (remembered.last, remembered.stream_id) == (stored.last, stored.stream_id)
            assert remembered.metadata == stored.metadata
        position = log.position
        log.forget()
        assert log.position == position


@settings(max_examples=150)
@given(WRITES, st.lists(st.integers(7, 9), min_size=1, max_size=3, unique=True))
def test_an_append_repeated_at_any_revision_writes_once(
    writes: list[Write], ids: list[int]
) -> None:
    with new_log() as connection:
        log = LogWriter(connection)
        for write in writes:
            log.apply(write)
        events = tuple(ProposedEvent(n.to_bytes(16), "New", True, b"{}", b"") for n in ids)
        first = log.apply(Append("b", ANY, events))
        if isinstance(first, StreamIsDeleted):
            return
        log.flush()
        stored = dump(connection)
        assert log.apply(Append("b", ANY, events)) == first
        log.flush()
        assert dump(connection) == stored
