"""A filtered read finds what a look at every event would find, whichever way it reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.eventstore import filtered_pages, page
from sandbox.eventstore.database import open_writer
from sandbox.eventstore.filtered_pages import read_matching
from sandbox.eventstore.filters import FilterExpression
from sandbox.eventstore.log_writer import LogWriter
from sandbox.eventstore.writes import ANY, Append, ProposedEvent

STREAMS = [
    "a-1",
    "a-2",
    "b-1",
    "bb-1",
    "$$a-1",
    "plain",
    "a",
    "$persistentsubscription-$all::g-parked",
]
TYPES = ["One", "Two", "Three", "$system"]
HIDDEN = STREAMS[-1]
EVENTS = 300
EXPRESSIONS = [
    FilterExpression(by_stream_name, regex, prefixes)
    for by_stream_name, regex, prefixes in [
        (False, "^One$", ()),
        (False, "^T", ()),
        (False, r"^(?!(\$.+$|Nothing$))", ()),
        (False, "Nothing", ()),
        (False, "", ("One", "$")),
        (True, "^a-.*$", ()),
        (True, "^a", ()),
        (True, "1$", ()),
        (True, "", ("b-", "pl")),
        (True, "", ("$",)),
        (True, "^zzz-", ()),
    ]
]


@pytest.fixture(scope="module")
def log() -> Iterator[tuple[sqlite3.Connection, list[tuple[str, str]]]]:
    """A log, and stream and type of each of its events."""
    with closing(open_writer(Path(":memory:"))) as connection:
        writer = LogWriter(connection)
        events = []
        for n in range(EVENTS):
            stream, kind = STREAMS[n * n % 31 % len(STREAMS)], TYPES[n * n % 13 % len(TYPES)]
            event = ProposedEvent((n + 1).to_bytes(16), kind, True, b"{}", b"")
            before = writer.position
            writer.apply(Append(stream, ANY, (event,)))
            events += [(stream, kind)] * (writer.position - before)
        writer.flush()
        yield connection, events


@settings(max_examples=200, deadline=None)
@given(
    expression=st.sampled_from(EXPRESSIONS),
    bounds=st.tuples(st.integers(1, EVENTS), st.integers(1, EVENTS)),
    limit=st.integers(1, 40),
    backwards=st.booleans(),
    limits=st.tuples(st.sampled_from([7, 4096]), st.sampled_from([0, 16])),
)
def test_pages_together_hold_all_that_matches_in_order(
    log: tuple[sqlite3.Connection, list[tuple[str, str]]],
    expression: FilterExpression,
    *,
    bounds: tuple[int, int],
    limit: int,
    backwards: bool,
    limits: tuple[int, int],
) -> None:
    connection, events = log
    scan, merged = limits
    first, last = min(bounds), max(bounds)
    event_filter = expression.event_filter()
    expected = [
        position
        for position, (stream, kind) in enumerate(events, start=1)
        if first <= position <= last
        and stream != HIDDEN
        and event_filter.matches(stream if expression.by_stream_name else kind)
    ]
    found: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "SCAN_EVENTS_MAX", scan)
        patch.setattr(filtered_pages, "SCAN_EVENTS_MAX", scan)
        patch.setattr(filtered_pages, "MERGED_MAX", merged)
        while first <= last:
            read = read_matching(connection, first, last, event_filter, limit, backwards=backwards)
            assert len(read.events) <= limit
            found += [position for position, _ in read.events]
            if backwards:
                assert read.seen <= last
                last = read.seen - 1
            else:
                assert read.seen >= first
                first = read.seen + 1
    assert found == (expected[::-1] if backwards else expected)


@pytest.mark.parametrize(
    "expression",
    [
        FilterExpression(False, "^Rare$", ()),
        FilterExpression(True, "^rare-.*$", ()),
        FilterExpression(True, "", ("rare-",)),
    ],
)
def test_a_filter_costs_what_it_finds_and_not_what_there_is(expression: FilterExpression) -> None:
    """Counted in steps of the database, which are the same on every machine."""
    with closing(open_writer(Path(":memory:"))) as connection:
        writer = LogWriter(connection)
        for n in range(1, 3001):
            rare = n % 1000 == 500
            event = ProposedEvent(n.to_bytes(16), "Rare" if rare else "Common", True, b"{}", b"")
            writer.apply(Append("rare-1" if rare else f"common-{n % 7}", ANY, (event,)))
        writer.flush()
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        connection.set_progress_handler(count, 10)
        found = read_matching(connection, 1, 3000, expression.event_filter(), 100, backwards=False)
        filtered, steps = steps, 0
        connection.execute("SELECT position, response FROM events").fetchall()
        assert len(found.events) == 3
        assert filtered < steps / 20
