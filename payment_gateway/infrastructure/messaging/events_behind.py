"""How far a subscription is behind the log, counted in events that it still has to take.

A position says where a subscription is, not how much is left: EventStoreDB's are bytes of its log. Counting
means reading, so it has an end: at so many events, or after so long, "at least so many" says enough.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from payment_gateway.infrastructure.messaging.log_reading import next_item
from payment_gateway.infrastructure.persistence.event_log import (
    CaughtUp,
    Checkpoint,
    EventFilter,
    EventLog,
)

EVENTS_COUNTED_MAX: Final = 1_000
# A server that has a long log to look through finds little in it that matches.
COUNTED_WITHIN_S: Final = 2.0
# However many look, the log is read once in a while. What was not counted to its end was dear, and is
# not over soon.
COUNTED_FOR_S: Final = 5.0
CUT_SHORT_FOR_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Behind:
    """How many events are left to be taken.

    Attributes:
        is_least: Counting was cut short: there are as many, or more.
    """

    events: int
    is_least: bool


class EventsBehind:
    """Counts for whoever looks, and keeps each count for a while.

    Args:
        log: Where the events are.
        monotonic: A clock, in seconds.
        within_s: How long one count may take.
    """

    def __init__(
        self,
        log: EventLog,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        within_s: float = COUNTED_WITHIN_S,
    ) -> None:
        self._log: Final = log
        self._monotonic: Final = monotonic
        self._within_s: Final = within_s
        self._counting: Final = asyncio.Lock()
        self._known: dict[str, tuple[float, Behind]] = {}

    async def of(
        self, name: str, matching: EventFilter, *, after: int, types: frozenset[str] | None
    ) -> Behind:
        """Return how many events a subscription has still to take.

        Args:
            name: Of the subscription.
            matching: What it reads.
            after: The position of the last event that it took.
            types: The stored names that count, of those that match; ``None`` for all.

        Raises:
            LogNotRead: The event store did not send all of it.
            EventStoreUnavailable: It gives no answer.
        """
        async with self._counting:
            now_s = self._monotonic()
            # What was counted long ago is forgotten, so that no more is kept than is asked for.
            self._known = {key: one for key, one in self._known.items() if one[0] > now_s}
            if name not in self._known:
                behind = await self._count(matching, after, types)
                for_s = CUT_SHORT_FOR_S if behind.is_least else COUNTED_FOR_S
                self._known[name] = (now_s + for_s, behind)
            return self._known[name][1]

    async def _count(
        self, matching: EventFilter, after: int, types: frozenset[str] | None
    ) -> Behind:
        count = 0
        try:
            async with (
                asyncio.timeout(self._within_s),
                aclosing(_left(self._log, matching, after=after, types=types)) as left,
            ):
                async for _ in left:
                    count += 1
                    if count == EVENTS_COUNTED_MAX:
                        return Behind(count, is_least=True)
        except TimeoutError:
            return Behind(count, is_least=True)
        return Behind(count, is_least=False)


async def events_behind(
    log: EventLog,
    matching: EventFilter,
    *,
    after: int,
    types: frozenset[str] | None = None,
    at_most: int = EVENTS_COUNTED_MAX,
) -> int:
    """Return how many events match after a position, however long that takes; ``at_most`` for more.

    Args:
        log: Where they are.
        matching: Which streams or types are meant.
        after: The position of the last event that was taken.
        types: The stored names that count, of those that match; ``None`` for all.
        at_most: Where counting ends.

    Raises:
        LogNotRead: The event store did not send all of it.
        EventStoreUnavailable: It gives no answer.
    """
    behind = 0
    async with aclosing(_left(log, matching, after=after, types=types)) as left:
        async for _ in left:
            behind += 1
            if behind >= at_most:
                break
    return behind


async def _left(
    log: EventLog, matching: EventFilter, *, after: int, types: frozenset[str] | None
) -> AsyncGenerator[int, None]:
    """Yield the positions of the events that are left, and end where there are none for now."""
    async with aclosing(log.subscribe(matching, after=after, types=types)) as items:
        while True:
            match await next_item(items):
                case CaughtUp():
                    return
                case Checkpoint():
                    continue
                case item:
                    if item.position > after:
                        yield item.position
