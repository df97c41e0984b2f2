"""Reads what a group's messages come from. These functions block; they run in reader threads."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from sandbox.eventstore import pages
from sandbox.eventstore.filters import EventFilter
from sandbox.eventstore.groups.definition import ALL, Definition
from sandbox.eventstore.groups.message import Message, message_of
from sandbox.eventstore.page import Page
from sandbox.eventstore.stream_lookup import load_stream

# Positions of the log that one look reaches over when a filter finds little.
REACH_MAX = 64 * 1024


class Found(NamedTuple):
    """Messages in order, and how far they reach."""

    messages: list[Message]
    seen: int


class Parked(NamedTuple):
    """The numbers of the first and the last parked message; none if the first is higher."""

    first: int
    last: int


def read_source(
    connection: sqlite3.Connection,
    definition: Definition,
    event_filter: EventFilter | None,
    *,
    after: int,
    end: int,
    limit: int,
) -> Found:
    """Read on after a position of the log, or a number in a stream; a closed stream has no more."""
    settings = definition.settings
    if definition.key.source == ALL:
        page = pages.read_log(
            connection,
            after + 1,
            min(end, after + REACH_MAX),
            limit=limit,
            event_filter=event_filter,
            resolve_links=settings.resolve_links,
        )
    else:
        stream = load_stream(connection, definition.key.source)
        if stream.tombstoned or stream.last <= after:
            return Found([], after)
        page = pages.read_stream(
            connection,
            stream,
            after + 1,
            stream.last,
            limit=limit,
            resolve_links=settings.resolve_links,
        )
    return _found(page, settings.strategy, replayed=False)


def read_parked(
    connection: sqlite3.Connection, definition: Definition, after: int, last: int, limit: int
) -> Found:
    """Read parked messages again; those whose events are gone are left out."""
    stream = load_stream(connection, definition.key.parked_stream)
    page = pages.read_stream(connection, stream, after + 1, last, limit=limit, resolve_links=True)
    return _found(page, definition.settings.strategy, replayed=True)


def parked_range(connection: sqlite3.Connection, definition: Definition) -> Parked:
    """Say which messages are parked."""
    stream = load_stream(connection, definition.key.parked_stream)
    return Parked(stream.first_visible, stream.last)


def last_number(connection: sqlite3.Connection, stream: str) -> int:
    """Return the number of a stream's last event, -1 if it has none."""
    state = load_stream(connection, stream)
    return -1 if state.tombstoned else state.last


def _found(page: Page, strategy: str, *, replayed: bool) -> Found:
    messages = [
        message
        for at, response in page.events
        if (message := message_of(at, response, strategy=strategy, replayed=replayed)) is not None
    ]
    return Found(messages, page.seen)
