"""Reads what a filter wants of the log, at a cost that follows what it finds.

A filter that wants few types, or streams of few categories, reads these from their indexes, merged
into the log's order. One that wants most of the log, or cannot say where, looks at all of it.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Generator, Iterable
from contextlib import ExitStack, closing
from operator import itemgetter

from sandbox.eventstore.database import HIDDEN
from sandbox.eventstore.filters import EventFilter, StreamNameFilter, TypeFilter
from sandbox.eventstore.page import SCAN_EVENTS_MAX, Page, collected

# Index entries that are merged; more types or categories than that are looked for in all events.
MERGED_MAX = 16

_Between = tuple[int, int, int]
_Rows = Generator[tuple[int, bytes | None], None, None]
_BETWEEN = f"position BETWEEN ? AND ? AND category_id <> {HIDDEN}"
_BY_TYPE = f"""
SELECT position, response FROM events INDEXED BY events_by_type
WHERE type_id = ? AND {_BETWEEN} ORDER BY position
"""  # noqa: S608 -- constants
_BY_CATEGORY = """
SELECT position, response, name FROM events INDEXED BY events_by_category
JOIN streams ON streams.id = stream_id
WHERE category_id = ? AND position BETWEEN ? AND ? ORDER BY position
"""
_NAMED = f"""
SELECT position, name FROM events JOIN streams ON streams.id = stream_id
WHERE {_BETWEEN} ORDER BY position
"""  # noqa: S608 -- constants
_RESPONSE = "SELECT response FROM events WHERE position = ?"


def read_matching(
    connection: sqlite3.Connection,
    first: int,
    last: int,
    event_filter: EventFilter,
    limit: int,
    *,
    backwards: bool,
) -> Page:
    """Read what a filter lets through between two positions, both included."""
    order = " DESC" if backwards else ""
    keys = _index_keys(connection, event_filter)
    if keys is None:
        if backwards:
            first = max(first, last - SCAN_EVENTS_MAX + 1)
        else:
            last = min(last, first + SCAN_EVENTS_MAX - 1)
    with ExitStack() as stack:
        rows: Iterable[tuple[int, bytes | None]]
        if keys is None:
            rows = _scanned(connection, first, last, event_filter, order)
        else:
            indexed = [
                stack.enter_context(
                    closing(_indexed(connection, event_filter, order, (key, first, last)))
                )
                for key in keys
            ]
            rows = heapq.merge(*indexed, key=itemgetter(0), reverse=backwards)
        return collected(rows, limit=limit, seen_at_end=first if backwards else last)


def _index_keys(connection: sqlite3.Connection, event_filter: EventFilter) -> list[int] | None:
    """Return the types or categories that hold all that matches, ``None`` for too many of them."""
    match event_filter:
        case TypeFilter(matches):
            names = connection.execute("SELECT id, name FROM types").fetchall()
            wanted = [key for key, name in names if matches(name)]
        case StreamNameFilter():
            names = connection.execute("SELECT id, name FROM categories").fetchall()
            wanted = [key for key, name in names if event_filter.may_match_in(name)]
    most = 2 * len(wanted) > len(names)
    return None if most or len(wanted) > MERGED_MAX else wanted


def _indexed(
    connection: sqlite3.Connection, event_filter: EventFilter, order: str, between: _Between
) -> _Rows:
    with closing(connection.cursor()) as cursor:
        match event_filter:
            case TypeFilter():
                yield from cursor.execute(_BY_TYPE + order, between)
            case StreamNameFilter(matches):
                for position, response, name in cursor.execute(_BY_CATEGORY + order, between):
                    yield position, response if matches(name) else None


def _scanned(
    connection: sqlite3.Connection, first: int, last: int, event_filter: EventFilter, order: str
) -> _Rows:
    match event_filter:
        case TypeFilter(matches):
            types = connection.execute("SELECT id, name FROM types")
            wanted = ",".join(str(type_id) for type_id, name in types if matches(name))
            of_types = f"{_BETWEEN} AND type_id IN ({wanted}) ORDER BY position{order}"
            yield from connection.execute(
                f"SELECT position, response FROM events WHERE {of_types}",  # noqa: S608 -- numbers
                (first, last),
            )
        case StreamNameFilter(matches):
            for position, name in connection.execute(_NAMED + order, (first, last)):
                found = matches(name)
                yield position, _response(connection, position) if found else None


def _response(connection: sqlite3.Connection, position: int) -> bytes:
    response: bytes = connection.execute(_RESPONSE, (position,)).fetchone()[0]
    return response
