"""All who follow feeds in this process: one look at a tenant's feed serves all of its readers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from collections.abc import Collection as Names
from contextlib import asynccontextmanager, suppress
from typing import ClassVar, Final

import structlog
from pymongo.errors import PyMongoError

from payment_gateway.infrastructure.messaging.backoff import delay_s
from payment_gateway.infrastructure.persistence.mongodb import Collection, Database
from projections.event_feed import MODEL
from projections.event_feed_queries import Place, entries_after, newest_place
from projections.feed_reader import Reader, goes_on
from projections.feed_tail import ENTRIES_MAX, FeedTail, feed_entry
from projections.generations import Generation, NotBuilt, Shown
from projections.payment_queries import PAGE_SIZE_MAX
from projections.positions import Positions

STREAMS_MAX: Final = 1_000
STREAMS_PER_TENANT_MAX: Final = 100
# How soon an entry is noticed after it was written, and how long at most nobody looks at all.
POLL_EVERY_S: Final = 0.05
LOOK_EVERY_S: Final = 1.0
RETRY_AFTER_S: Final = 5

_log = structlog.get_logger(__name__)


class TooManyStreams(Exception):
    """So many streams are open that another one is refused; ask again after ``retry_after_s``."""

    code: ClassVar[str] = "too_many_streams"
    retryable: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__("so many streams are open already; close one, or ask again later")
        self.retry_after_s = RETRY_AFTER_S


class EventStreams:
    """Follows the feeds that have readers.

    Args:
        database: Where they are.
        shown: Which build of the feed is read.
        positions: How far it has come.
        entries_max: How many of the newest entries of a feed are at hand for its readers.
    """

    def __init__(
        self,
        database: Database,
        shown: Shown,
        positions: Positions,
        *,
        entries_max: int = ENTRIES_MAX,
    ) -> None:
        self._database: Final = database
        self._shown: Final = shown
        self._positions: Final = positions
        self._entries_max: Final = entries_max
        self._readers: Final[Counter[str]] = Counter()
        self._tails: Final[dict[str, tuple[FeedTail, asyncio.Task[None]]]] = {}
        self._ending = False

    @property
    def count(self) -> int:
        """How many streams are open."""
        return self._readers.total()

    def end(self) -> None:
        """Have every reader end; called as the process stops."""
        self._ending = True
        for tail, _ in self._tails.values():
            tail.wake()

    @asynccontextmanager
    async def reader(
        self, tenant_id: str, after: Place | None, types: Names[str]
    ) -> AsyncGenerator[Reader, None]:
        """Yield somebody who reads a tenant's feed after a place, from its beginning without one.

        Raises:
            TooManyStreams: Of this tenant or of all.
            NotBuilt: There is no generation of the feed to be shown.
        """
        if self.count >= STREAMS_MAX or self._readers[tenant_id] >= STREAMS_PER_TENANT_MAX:
            raise TooManyStreams
        self._readers[tenant_id] += 1
        try:
            tail = await self._tail(tenant_id)
            yield Reader(
                collection_of=self.collection,
                is_ending=lambda: self._ending,
                tenant_id=tenant_id,
                tail=tail,
                after=after,
                types=types,
            )
        finally:
            self._readers[tenant_id] -= 1
            if not self._readers[tenant_id]:
                del self._readers[tenant_id]
                await self._leave(tenant_id)

    def collection(self, generation: Generation) -> Collection:
        """Return where the entries of a build of the feed are."""
        return self._database[generation.collection("")]

    async def _tail(self, tenant_id: str) -> FeedTail:
        if tenant_id not in self._tails:
            generation = await self._shown.generation(MODEL)
            last = await newest_place(self.collection(generation), tenant_id)
            if tenant_id not in self._tails:  # nobody else was quicker
                tail = FeedTail(generation, last, entries_max=self._entries_max)
                self._tails[tenant_id] = (tail, asyncio.create_task(self._follow(tenant_id, tail)))
        return self._tails[tenant_id][0]

    async def _leave(self, tenant_id: str) -> None:
        known = self._tails.pop(tenant_id, None)
        if known is not None:
            known[1].cancel()
            with suppress(asyncio.CancelledError):
                await known[1]

    async def _follow(self, tenant_id: str, tail: FeedTail) -> None:
        """Keep a tail at the end of its feed, until cancelled."""
        failures = 0
        while True:
            try:
                await self._look(tenant_id, tail)
                failures = 0
            except (PyMongoError, NotBuilt) as error:
                failures += 1
                _log.warning("feed.not_read", tenant_id=tenant_id, error=type(error).__name__)
                await asyncio.sleep(delay_s(failures))

    async def _look(self, tenant_id: str, tail: FeedTail) -> None:
        """Take what is new, or wait until something is."""
        generation = await self._shown.generation(MODEL)
        reached = await self._positions.of(generation)  # before: what comes later is not missed
        collection = self.collection(generation)
        if generation != tail.generation:
            tail.generation = generation
            if not await goes_on(collection, tenant_id, tail.last):
                tail.count_anew(await newest_place(collection, tenant_id))
        found = await entries_after(collection, tenant_id, tail.sequence, (), PAGE_SIZE_MAX)
        tail.add(feed_entry(tenant_id, document) for document in found)
        if len(found) < PAGE_SIZE_MAX:
            await self._positions.reach(
                generation, reached.position + 1, within_s=LOOK_EVERY_S, poll_s=POLL_EVERY_S
            )
