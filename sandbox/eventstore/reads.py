"""Reads that end: of a stream or of the whole log, in either direction, a page at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from sandbox.eventstore import pages
from sandbox.eventstore.filters import EventFilter
from sandbox.eventstore.page import Page
from sandbox.eventstore.recorded_event import stream_not_found
from sandbox.eventstore.refusals import stream_deleted
from sandbox.eventstore.store import Store
from sandbox.eventstore.stream_state import NO_EVENTS

Responses = list[bytes]


@dataclass(frozen=True, slots=True)
class ReadLog:
    """Read the log.

    Attributes:
        position: Where to start, ``None`` for the start (backwards: the end). Included forwards,
            excluded backwards.
        limit: Number of events to send at most.
    """

    position: int | None
    backwards: bool
    limit: int
    event_filter: EventFilter | None
    resolve_links: bool

    async def responses(self, store: Store) -> AsyncGenerator[Responses, None]:
        """Yield what there was when the read began."""
        first, last = 1, store.commits.position
        if self.position is not None:
            if self.backwards:
                last = min(last, self.position - 1)
            else:
                first = max(first, self.position)
        async with aclosing(self._pages(store, first, last)) as pages_of_log:
            async for page in pages_of_log:
                yield [response for _, response in page.events]

    async def _pages(self, store: Store, first: int, last: int) -> AsyncGenerator[Page, None]:
        """Yield a page while the next one is being read."""
        left = self.limit
        reading = self._reading(store, first, last, left)
        try:
            while reading is not None:
                page = await reading
                left -= len(page.events)
                if self.backwards:
                    last = page.seen - 1
                else:
                    first = page.seen + 1
                reading = self._reading(store, first, last, left)
                yield page
        finally:
            if reading is not None:
                reading.cancel()

    def _reading(
        self, store: Store, first: int, last: int, left: int
    ) -> asyncio.Future[Page] | None:
        """Begin to read a page, if there is anything left to read."""
        if first > last or left <= 0:
            return None
        return store.readers.start(
            pages.read_log,
            first,
            last,
            limit=left,
            event_filter=self.event_filter,
            backwards=self.backwards,
            resolve_links=self.resolve_links,
        )


@dataclass(frozen=True, slots=True)
class ReadStream:
    """Read one stream.

    Attributes:
        revision: Where to start, included; ``None`` for the start (backwards: the end).
        limit: Number of events to send at most.
    """

    stream: str
    revision: int | None
    backwards: bool
    limit: int
    resolve_links: bool

    async def responses(self, store: Store) -> AsyncGenerator[Responses, None]:
        """Yield what there was when the read began.

        Raises:
            Refusal: The stream is tombstoned, before the read or during it.
        """
        stream, readable = await store.readers.run(pages.load, self.stream)
        if not readable:
            raise stream_deleted(self.stream)
        if stream.last == NO_EVENTS or stream.soft_deleted:
            yield [stream_not_found(self.stream)]
            return
        first, last = 0, stream.last
        if self.revision is not None:
            if self.backwards:
                last = min(last, self.revision)
            else:
                first = self.revision
        first = max(first, stream.first_visible)
        left = self.limit
        while first <= last and left > 0:
            page = await store.readers.run(
                pages.read_open_stream,
                stream,
                first,
                last,
                limit=left,
                backwards=self.backwards,
                resolve_links=self.resolve_links,
            )
            if page is None:
                raise stream_deleted(self.stream)
            yield [response for _, response in page.events]
            left -= len(page.events)
            if self.backwards:
                last = page.seen - 1
            else:
                first = page.seen + 1
