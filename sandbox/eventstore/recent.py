"""The newest events, kept in memory, so that live subscriptions need not ask the database."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from itertools import islice
from typing import NamedTuple

from sandbox.eventstore.filters import EventFilter, StreamNameFilter, TypeFilter
from sandbox.eventstore.page import PAGE_EVENTS_MAX, Page
from sandbox.eventstore.stream_state import TOMBSTONE_TYPE

RECENT_EVENTS_MAX = 2048
RECENT_BYTES_MAX = 8 * 1024 * 1024


class CommittedEvent(NamedTuple):
    """An event with what a subscription may want to know about it."""

    position: int
    stream: str
    type: str
    response: bytes
    hidden: bool = False


class Recent:
    """The end of the log, without gaps, as far back as the limits allow."""

    def __init__(self) -> None:
        self._events: deque[CommittedEvent] = deque()
        self._size = 0

    def add(self, events: Sequence[CommittedEvent]) -> None:
        """Take the events of a commit, in the order of the log; the oldest ones make room.

        What a tombstone among them took away is no longer shown.
        """
        self._events.extend(events)
        if closed := {event.stream for event in events if event.type == TOMBSTONE_TYPE}:
            self._events = deque(_emptied(event, closed) for event in self._events)
            self._size = sum(len(event.response) for event in self._events)
            events = ()
        self._size += sum(len(event.response) for event in events)
        while len(self._events) > RECENT_EVENTS_MAX or self._size > RECENT_BYTES_MAX:
            self._size -= len(self._events.popleft().response)

    def page(self, first: int, event_filter: EventFilter | None) -> Page | None:
        """Return what follows from a position on, or ``None`` if the database must be asked."""
        if not self._events or first < self._events[0].position:
            return None
        start = first - self._events[0].position
        considered = list(islice(self._events, start, start + PAGE_EVENTS_MAX))
        if not considered:
            return None
        matching = [(e.position, e.response) for e in considered if _matches(e, event_filter)]
        return Page(matching, seen=considered[-1].position)


def _emptied(event: CommittedEvent, streams: Collection[str]) -> CommittedEvent:
    if event.stream not in streams or event.type == TOMBSTONE_TYPE:
        return event
    return event._replace(response=b"", hidden=True)


def _matches(event: CommittedEvent, event_filter: EventFilter | None) -> bool:
    if event.hidden:
        return False
    match event_filter:
        case None:
            return True
        case TypeFilter(matches):
            return matches(event.type)
        case StreamNameFilter(matches):
            return matches(event.stream)
