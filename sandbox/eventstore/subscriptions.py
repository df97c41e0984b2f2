"""Catch-up subscriptions: history from storage first, then what is committed while they run.

There is no buffer of a subscription's own that could overflow. A subscription is woken by each
commit that may concern it and reads on from where it was, so it can neither miss nor repeat an
event, and a slow subscriber costs nothing but the page it is sending.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from sandbox.eventstore import pages
from sandbox.eventstore.filters import EventFilter
from sandbox.eventstore.page import PAGE_EVENTS_MAX, Page
from sandbox.eventstore.reads import Responses
from sandbox.eventstore.recorded_event import CAUGHT_UP, checkpoint, confirmation
from sandbox.eventstore.refusals import stream_deleted
from sandbox.eventstore.store import Store
from sandbox.eventstore.stream_state import NUMBER_MAX, TOMBSTONE_NUMBER

FROM_END = -1
# Positions that one page may reach over; bounds the checkpoints between its events.
PAGE_REACH_MAX = 16 * 1024


@dataclass(frozen=True, slots=True)
class SubscribeToLog:
    """Follow the log.

    Attributes:
        after: Position after which to start, 0 for the start, or ``FROM_END``.
        event_filter: With one, checkpoints are sent too.
        checkpoint_interval: Number of events considered between two checkpoints.
    """

    after: int
    event_filter: EventFilter | None
    checkpoint_interval: int
    resolve_links: bool

    async def responses(self, store: Store) -> AsyncGenerator[Responses, None]:
        """Yield the confirmation, then events and checkpoints for as long as the store is open."""
        with store.commits.watch(None) as watch:
            seen = store.commits.position if self.after == FROM_END else self.after
            checkpoints = (
                _Checkpoints(seen, self.checkpoint_interval) if self.event_filter else None
            )
            yield [confirmation(str(uuid.uuid4()))]
            caught_up = False
            while True:
                watch.lower()
                while seen < store.commits.position:
                    page = await self._page(store, seen)
                    seen = page.seen
                    yield _responses(page) if checkpoints is None else checkpoints.among(page)
                if not caught_up:
                    caught_up = True
                    # A start beyond the end of the log is nothing that a checkpoint may claim.
                    if checkpoints is not None and seen <= store.commits.position:
                        yield checkpoints.at_end(seen)
                    yield [CAUGHT_UP]
                await watch.wait()

    async def _page(self, store: Store, seen: int) -> Page:
        if not self.resolve_links:  # the targets of links are in the database
            recent = store.commits.recent.page(seen + 1, self.event_filter)
            if recent is not None:
                return recent
        return await store.readers.run(
            pages.read_log,
            seen + 1,
            min(store.commits.position, seen + PAGE_REACH_MAX),
            limit=PAGE_EVENTS_MAX,
            event_filter=self.event_filter,
            resolve_links=self.resolve_links,
        )


class _Checkpoints:
    """Puts a checkpoint behind every so many events that a filter has considered."""

    def __init__(self, after: int, interval: int) -> None:
        self._counted_from = after
        self._interval = interval
        self._sent = 0

    def among(self, page: Page) -> Responses:
        """Return a page's events with the checkpoints that fall due between them."""
        responses: Responses = []
        for position, response in page.events:
            responses += self._due(position - 1)
            responses.append(response)
        return responses + self._due(page.seen)

    def at_end(self, seen: int) -> Responses:
        """Return the checkpoint that says that history is exhausted, unless it is already sent."""
        if seen <= self._sent:
            return []
        self._counted_from = self._sent = seen
        return [checkpoint(seen)]

    def _due(self, seen: int) -> Responses:
        due = range(self._counted_from + self._interval, seen + 1, self._interval)
        if due:
            self._counted_from = self._sent = due[-1]
        return [checkpoint(position) for position in due]


@dataclass(frozen=True, slots=True)
class SubscribeToStream:
    """Follow one stream.

    Attributes:
        after: Number of the event after which to start, -1 for the start, ``None`` for the end.
    """

    stream: str
    after: int | None
    resolve_links: bool

    async def responses(self, store: Store) -> AsyncGenerator[Responses, None]:
        """Yield the confirmation, then events for as long as the store is open.

        Truncated history is left out. What is written later is sent even if it has been truncated
        since.

        Raises:
            Refusal: The stream is tombstoned, now or later.
        """
        with store.commits.watch(self.stream) as watch:
            stream, readable = await store.readers.run(pages.load, self.stream)
            if not readable:
                raise stream_deleted(self.stream)
            seen = stream.last if self.after is None else self.after
            yield [confirmation(str(uuid.uuid4()))]
            caught_up = False
            while True:
                watch.lower()
                while page := await self._page(store, seen, truncated=not caught_up):
                    seen = page.seen
                    yield _responses(page)
                    if seen == TOMBSTONE_NUMBER:
                        raise stream_deleted(self.stream)
                if not caught_up:
                    caught_up = True
                    yield [CAUGHT_UP]
                await watch.wait()

    async def _page(self, store: Store, seen: int, *, truncated: bool) -> Page | None:
        """Return what follows an event, ``None`` if nothing does yet."""
        if seen >= NUMBER_MAX:
            return None
        page = await store.readers.run(
            pages.read_on,
            self.stream,
            seen + 1,
            truncated=truncated,
            resolve_links=self.resolve_links,
        )
        return page if page.events else None


def _responses(page: Page) -> Responses:
    return [response for _, response in page.events]
