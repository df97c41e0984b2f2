"""Reads the log a page at a time. These functions block; they run in reader threads.

A page is bounded by events and by bytes, so that a reader of any speed holds little memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass

from sandbox.eventstore.filters import EventFilter, StreamNameFilter, TypeFilter
from sandbox.eventstore.links import resolved
from sandbox.eventstore.recorded_event import TICKS_PER_S, now_ticks
from sandbox.eventstore.stream_lookup import load_stream
from sandbox.eventstore.stream_state import StreamState, described_stream

PAGE_EVENTS_MAX = 512
PAGE_BYTES_MAX = 1024 * 1024
# Events that a filtered page may look at, matching or not.
SCAN_EVENTS_MAX = 4096

_ALL = "SELECT position, response FROM events WHERE position BETWEEN ? AND ?"
_ALL_BY_STREAM_NAME = """
SELECT position, response, name FROM events JOIN streams ON streams.id = stream_id
WHERE position BETWEEN ? AND ?
"""
_STREAM = """
SELECT number, response FROM events
WHERE stream_id = ? AND number BETWEEN ? AND ? AND created >= ?
"""


@dataclass(frozen=True, slots=True)
class Page:
    """Some events in the order they were asked for.

    Attributes:
        events: Position (or number in the stream) and response of each.
        seen: Position (or number) up to which, in the direction of the read, nothing is missing.
    """

    events: list[tuple[int, bytes]]
    seen: int


def read_log(
    connection: sqlite3.Connection,
    first: int,
    last: int,
    *,
    limit: int,
    event_filter: EventFilter | None = None,
    backwards: bool = False,
    resolve_links: bool = False,
) -> Page:
    """Read the log between two positions, both included; backwards starts at the higher one."""
    window = SCAN_EVENTS_MAX if event_filter else PAGE_EVENTS_MAX
    if backwards:
        first = max(first, last - window + 1)
    else:
        last = min(last, first + window - 1)
    with closing(connection.cursor()) as cursor:
        rows = _matching(cursor, first, last, event_filter, _order("position", backwards))
        page = _page(rows, limit=limit, seen_at_end=first if backwards else last)
    return _with_links(connection, page) if resolve_links else page


def read_stream(
    connection: sqlite3.Connection,
    stream: StreamState,
    first: int,
    last: int,
    *,
    limit: int,
    backwards: bool = False,
    resolve_links: bool = False,
    truncated: bool = True,
) -> Page:
    """Read a stream between two numbers, both included; backwards starts at the higher one.

    What the stream's metadata hides is left out, unless ``truncated`` is false.
    """
    oldest = 0
    if truncated:
        first = max(first, stream.first_visible)
        if stream.max_age_s is not None:
            oldest = max(0, now_ticks() - stream.max_age_s * TICKS_PER_S)
    with closing(connection.cursor()) as cursor:
        rows = cursor.execute(
            f"{_STREAM} {_order('number', backwards)}", (stream.stream_id, first, last, oldest)
        )
        page = _page(rows, limit=limit, seen_at_end=first if backwards else last)
    return _with_links(connection, page) if resolve_links else page


def read_on(
    connection: sqlite3.Connection, name: str, first: int, *, truncated: bool, resolve_links: bool
) -> Page:
    """Read what a stream has from a number on, its tombstone included."""
    stream = load_stream(connection, name)
    return read_stream(
        connection,
        stream,
        first,
        stream.last,
        limit=PAGE_EVENTS_MAX,
        truncated=truncated,
        resolve_links=resolve_links,
    )


def load(connection: sqlite3.Connection, name: str) -> tuple[StreamState, bool]:
    """Return a stream and whether it may be read at all.

    A metadata stream closes with the stream that it describes.
    """
    stream = load_stream(connection, name)
    described = described_stream(name)
    if stream.tombstoned or described is None:
        return stream, not stream.tombstoned
    return stream, not load_stream(connection, described).tombstoned


def _order(column: str, backwards: bool) -> str:
    return f"ORDER BY {column} {'DESC' if backwards else 'ASC'}"


def _matching(
    cursor: sqlite3.Cursor, first: int, last: int, event_filter: EventFilter | None, order: str
) -> Iterable[tuple[int, bytes]]:
    match event_filter:
        case None:
            return cursor.execute(f"{_ALL} {order}", (first, last))
        case TypeFilter(matches):
            types = cursor.execute("SELECT id, name FROM types")
            wanted = ",".join(str(type_id) for type_id, name in types if matches(name))
            return cursor.execute(f"{_ALL} AND type_id IN ({wanted}) {order}", (first, last))
        case StreamNameFilter(matches):
            named = cursor.execute(f"{_ALL_BY_STREAM_NAME} {order}", (first, last))
            return ((position, response) for position, response, name in named if matches(name))


def _page(rows: Iterable[tuple[int, bytes]], *, limit: int, seen_at_end: int) -> Page:
    events: list[tuple[int, bytes]] = []
    size = 0
    limit = min(limit, PAGE_EVENTS_MAX)
    for row in rows:
        events.append(row)
        size += len(row[1])
        if len(events) >= limit or size >= PAGE_BYTES_MAX:
            return Page(events, seen=row[0])
    return Page(events, seen=seen_at_end)


def _with_links(connection: sqlite3.Connection, page: Page) -> Page:
    events = [(key, resolved(connection, response)) for key, response in page.events]
    return Page(events, page.seen)
