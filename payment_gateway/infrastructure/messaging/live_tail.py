"""The newest events of one subscription, for several to take them from, each at its own pace."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from payment_gateway.infrastructure.persistence.event_log import (
    CaughtUp,
    Checkpoint,
    EventLog,
    EventStoreUnavailable,
    LogItem,
    RecordedEvent,
    StreamFilter,
    UnknownRecord,
)

# Who is further behind than so many items reads on alone.
TAIL_ITEMS_MAX: Final = 4_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one follower wants: the arguments of ``EventLog.subscribe``."""

    pattern: str
    types: frozenset[str] | None

    def takes(self, item: RecordedEvent | UnknownRecord) -> bool:
        """Tell whether it is to see what matches its pattern; types never heard of are for everybody."""
        return (
            self.types is None
            or item.type in self.types
            or (isinstance(item, UnknownRecord) and not item.is_known)
        )


class LiveTail:
    """Follows the log from a position on, for everything that is wanted, until it is stopped.

    Args:
        log: The log.
        wanted: What any of the followers wants; nothing else travels.
        since: The position after which it begins.
    """

    def __init__(self, log: EventLog, wanted: frozenset[Wanted], *, since: int) -> None:
        self.wanted: Final = wanted
        self.position = since
        self._log: Final = log
        self._complete_after = since  # what came before it is not here, or not here any more
        self._items: Final[deque[RecordedEvent | UnknownRecord | Checkpoint]] = deque()
        self._forgotten = 0
        self._is_stopped = False
        self._arrived = asyncio.Event()
        self._reading: Final = asyncio.create_task(self._read(), name="live tail")
        self._reading.add_done_callback(self._is_over)

    @property
    def is_broken(self) -> bool:
        """Whether it has ended without being stopped."""
        return self._reading.done() and not self._is_stopped

    def covers(self, after: int) -> bool:
        """Tell whether somebody who has come that far finds here whatever is wanted next."""
        return after >= self._complete_after

    async def follow(self, wanted: Wanted, *, after: int) -> AsyncGenerator[LogItem, None]:
        """Yield what is wanted of what comes after a position that is covered.

        It ends when the tail was stopped and everything in it has been taken, and when it has gone on so
        far meanwhile that it is not complete any more; then read on elsewhere, after the last position.

        Raises:
            EventStoreUnavailable: The connection is gone.
        """
        matches = re.compile(wanted.pattern).fullmatch
        taken = self._forgotten
        while taken >= self._forgotten:
            passed_over = None
            while self._forgotten <= taken < self._forgotten + len(self._items):
                item = self._items[taken - self._forgotten]
                taken += 1
                if item.position <= after:
                    continue
                if not isinstance(item, Checkpoint) and matches(item.stream) and wanted.takes(item):
                    passed_over = None
                    yield item
                else:
                    passed_over = item.position
            if passed_over is not None:  # one for all of them: to hear of it wakes a worker
                yield Checkpoint(passed_over)
            elif taken == self._forgotten + len(self._items):
                if self._is_stopped:
                    return
                if self._reading.done():
                    self._reading.result()
                    raise EventStoreUnavailable("the live tail ended")
                await self._arrived.wait()

    def stop(self) -> None:
        """Take in nothing more; what is in it can still be taken."""
        self._is_stopped = not self._reading.done()
        self._reading.cancel()
        self._wake()

    async def over(self) -> None:
        """Wait until its subscription has ended, after ``stop``."""
        await asyncio.wait({self._reading})

    async def _read(self) -> None:
        patterns = sorted({one.pattern for one in self.wanted})
        matching = StreamFilter("|".join(f"(?:{pattern})" for pattern in patterns))
        items = self._log.subscribe(matching, after=self.position, types=self._types())
        async with aclosing(items):
            async for item in items:
                if not isinstance(item, CaughtUp):
                    self._add(item)

    def _types(self) -> frozenset[str] | None:
        types: set[str] = set()
        for one in self.wanted:
            if one.types is None:
                return None
            types |= one.types
        return frozenset(types)

    def _add(self, item: RecordedEvent | UnknownRecord | Checkpoint) -> None:
        if len(self._items) == TAIL_ITEMS_MAX:
            self._complete_after = self._items.popleft().position
            self._forgotten += 1
        self._items.append(item)
        self.position = item.position
        self._wake()

    def _wake(self) -> None:
        self._arrived.set()
        self._arrived = asyncio.Event()

    def _is_over(self, reading: asyncio.Task[None]) -> None:
        self._wake()
        if not reading.cancelled():
            reading.exception()  # who follows hears of it; who left before need not
