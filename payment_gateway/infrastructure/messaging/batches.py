"""Reads ahead of the handler: what arrives while one batch is worked on is the next batch.

Live, an event after a pause goes out at once; what follows it shortly goes out together, since a transaction
costs the same for one event as for several. As long as there is history, a batch waits a moment to be
full: events of one payment that come together are one write. When more waits than two batches hold,
reading stops until there is room.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import TracebackType
from typing import Final, Self

from payment_gateway.application.ports import EventStoreUnavailable
from payment_gateway.infrastructure.persistence.event_log import CaughtUp, LogItem

BATCH_ITEMS_MAX: Final = 2_000
# So long a batch of history waits to be full, in seconds.
FILLED_WITHIN_S: Final = 0.25
# So long after a batch of news was given the next one gathers, in seconds, and so many times as long as that one took.
NEWS_GATHERED_FOR_S: Final = 0.025
RESTS: Final = 2
REST_S_MAX: Final = 0.1
FILLING_EVERY_S: Final = 0.005
BATCHES_AHEAD: Final = 2
QUEUE_ITEMS_MAX: Final = BATCHES_AHEAD * BATCH_ITEMS_MAX


def gathers_until_s(gave_s: float, now_s: float, *, gathers_s: float) -> float:
    """Return when the next news go out, after some that were given before and are handled now.

    A worker handles news for at most a third of the time: the longer one batch took, the more the next one holds.
    """
    return max(gave_s + gathers_s, now_s + min(RESTS * (now_s - gave_s), REST_S_MAX))


class BatchReader:
    """Reads a subscription in a task of its own; leaving the ``async with`` ends it.

    Args:
        items: The subscription.
        most: How many items a batch has at most.
        gathers_s: How long after a batch of news the next one gathers at least, in seconds.
    """

    def __init__(
        self,
        items: AsyncGenerator[LogItem, None],
        *,
        most: int = BATCH_ITEMS_MAX,
        gathers_s: float = NEWS_GATHERED_FOR_S,
    ) -> None:
        self._items: Final = items
        self._most: Final = most
        self._gathers_s: Final = gathers_s
        self._queue: Final[asyncio.Queue[LogItem]] = asyncio.Queue(BATCHES_AHEAD * most)
        self._is_history = True
        self._gave_news_s: float | None = None

    async def __aenter__(self) -> Self:
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._reading.cancel()
        # What broke the reading was told by ``next``, or matters no more.
        await asyncio.gather(self._reading, return_exceptions=True)

    async def next(self, *, timeout_s: float) -> list[LogItem]:
        """Return what has arrived, at most a batch; nothing after the timeout.

        Raises:
            EventStoreUnavailable: The subscription ended, and everything that arrived was returned.
        """
        gave_news_s, self._gave_news_s = self._gave_news_s, None
        until_s = 0.0
        if gave_news_s is not None:
            until_s = gathers_until_s(gave_news_s, time.monotonic(), gathers_s=self._gathers_s)
        first = await self._first(timeout_s)
        if first is None:
            return []
        if self._is_history:
            await self._fill(self._most - 1)
        else:
            await asyncio.sleep(max(0.0, until_s - time.monotonic()))
            self._gave_news_s = time.monotonic()
        batch = [first]
        while len(batch) < self._most and not self._queue.empty():
            batch.append(self._queue.get_nowait())
        return batch

    async def _fill(self, most: int) -> None:
        """Let history gather, until there is enough of it or it is exhausted."""
        until_s = time.monotonic() + FILLED_WITHIN_S
        while (  # noqa: ASYNC110 - waking up for each item would cost more than it brings
            self._is_history
            and self._queue.qsize() < most
            and not self._reading.done()
            and time.monotonic() < until_s
        ):
            await asyncio.sleep(FILLING_EVERY_S)

    async def _first(self, timeout_s: float) -> LogItem | None:
        if not self._queue.empty():
            return self._queue.get_nowait()
        arrival = asyncio.create_task(self._queue.get())
        try:
            await asyncio.wait(
                {arrival, self._reading},
                timeout=timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if arrival.done():
                return arrival.result()
            if self._reading.done():
                self._reading.result()
                raise EventStoreUnavailable("the subscription ended")
        finally:
            arrival.cancel()  # an item that arrives now stays in the queue
        return None

    async def _read(self) -> None:
        async with aclosing(self._items) as items:
            async for item in items:
                if isinstance(item, CaughtUp):
                    self._is_history = False
                await self._queue.put(item)
