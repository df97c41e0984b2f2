"""Reads the log a page at a time. These functions block; they run in reader threads."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from sandbox.eventstore.database import HIDDEN
from sandbox.eventstore.filtered_pages import read_matching
from sandbox.eventstore.filters import EventFilter
from sandbox.eventstore.links import resolved
from sandbox.eventstore.page import PAGE_EVENTS_MAX, Page, collected
from sandbox.eventstore.recorded_event import TICKS_PER_S, now_ticks
from sandbox.eventstore.stream_lookup import load_stream
from sandbox.eventstore.stream_state import StreamState, described_stream

_ALL = f"""
SELECT position, response FROM events WHERE position BETWEEN ? AND ? AND category_id <> {HIDDEN}
"""  # noqa: S608 -- a constant
_STREAM = f"""
SELECT number, response FROM events
WHERE stream_id = ? AND number BETWEEN ? AND ? AND created >= ? AND category_id <> {HIDDEN}
"""  # noqa: S608 -- a constant


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
    if event_filter is not None:
        page = read_matching(connection, first, last, event_filter, limit, backwards=backwards)
    else:
        page = _read_log(connection, first, last, limit, backwards=backwards)
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
        page = collected(rows, limit=limit, seen_at_end=first if backwards else last)
    return _with_links(connection, page) if resolve_links else page


def read_open_stream(
    connection: sqlite3.Connection,
    stream: StreamState,
    first: int,
    last: int,
    *,
    limit: int,
    backwards: bool,
    resolve_links: bool,
) -> Page | None:
    """Read as ``read_stream`` does; ``None`` if the stream has been tombstoned by then.

    It is asked afterwards: what a tombstone took away before the page was read must not look like a gap.
    """
    page = read_stream(
        connection,
        stream,
        first,
        last,
        limit=limit,
        backwards=backwards,
        resolve_links=resolve_links,
    )
    _, readable = load(connection, stream.name)
    return page if readable else None


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


def _read_log(
    connection: sqlite3.Connection, first: int, last: int, limit: int, *, backwards: bool
) -> Page:
    if backwards:
        first = max(first, last - PAGE_EVENTS_MAX + 1)
    else:
        last = min(last, first + PAGE_EVENTS_MAX - 1)
    with closing(connection.cursor()) as cursor:
        rows = cursor.execute(f"{_ALL} {_order('position', backwards)}", (first, last))
        return collected(rows, limit=limit, seen_at_end=first if backwards else last)


def _with_links(connection: sqlite3.Connection, page: Page) -> Page:
    events = [(key, resolved(connection, response)) for key, response in page.events]
    return Page(events, page.seen)
