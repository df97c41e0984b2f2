"""One subscription for all of a process that follow the log live, instead of one for each.

Of what seven read models want an event crosses the wire once and is decoded once. History is different: there
everybody reads alone, with a filter of his own, from where he stands and as fast as he can.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from payment_gateway.infrastructure.messaging.live_tail import LiveTail, Wanted
from payment_gateway.infrastructure.persistence.event_log import (
    AHEAD_MAX,
    CaughtUp,
    EventFilter,
    EventLog,
    LogItem,
    StreamFilter,
)

# For a single one sharing brings nothing.
TOGETHER_MIN: Final = 2
# So long others may still join before the subscription of all begins anew, in seconds.
JOINED_WITHIN_S: Final = 1.0


@dataclass(eq=False, slots=True)
class _Follower:
    wanted: Wanted
    position: int


class SharedLog:
    """An ``EventLog`` over another, whose followers share one subscription once they have caught up.

    Who wants streams by name shares; who wants types, or is to read little ahead, has a subscription of his own.
    """

    def __init__(self, log: EventLog) -> None:
        self._log: Final = log
        self._live: Final[set[_Follower]] = set()
        self._tail: LiveTail | None = None
        self._renewal: asyncio.Task[None] | None = None

    async def subscribe(
        self,
        matching: EventFilter,
        *,
        after: int,
        types: frozenset[str] | None = None,
        ahead: int = AHEAD_MAX,
    ) -> AsyncGenerator[LogItem, None]:
        """Yield what matches after a position, and go on as events are appended.

        Raises:
            EventStoreUnavailable: The connection is gone. Subscribe again after the last position.
        """
        if not isinstance(matching, StreamFilter) or ahead < AHEAD_MAX:
            alone = self._log.subscribe(matching, after=after, types=types, ahead=ahead)
            async with aclosing(alone):
                async for item in alone:
                    yield item
            return
        follower = _Follower(Wanted(matching.pattern, types), after)
        try:
            while True:
                tail = self._tail_for(follower)
                if tail is None:
                    items = self._alone(matching, follower)
                else:
                    items = tail.follow(follower.wanted, after=follower.position)
                async with aclosing(items):
                    async for item in items:
                        if not isinstance(item, CaughtUp):
                            follower.position = item.position
                        yield item
        finally:
            await self._leave(follower)

    async def head(self) -> int:
        """Return the position of the last event in the log, 0 for an empty one.

        Raises:
            EventStoreUnavailable: No answer.
        """
        return await self._log.head()

    async def _alone(
        self, matching: StreamFilter, follower: _Follower
    ) -> AsyncGenerator[LogItem, None]:
        """Yield what matches until the tail goes on from there."""
        items = self._log.subscribe(matching, after=follower.position, types=follower.wanted.types)
        async with aclosing(items):
            async for item in items:
                if isinstance(item, CaughtUp):
                    self._live.add(follower)
                yield item
                if self._tail_for(follower) is not None:
                    return

    def _tail_for(self, follower: _Follower) -> LiveTail | None:
        """Return the tail if it goes on where the follower is; where it is not for him, have it begun anew."""
        if follower not in self._live:
            return None
        tail = self._tail
        if tail is not None and not tail.is_broken and follower.wanted in tail.wanted:
            return tail if tail.covers(follower.position) else None
        if len(self._live) >= TOGETHER_MIN and (self._renewal is None or self._renewal.done()):
            self._renewal = asyncio.create_task(self._renew(), name="renew the live tail")
        return None

    async def _renew(self) -> None:
        """Begin a tail for all who have caught up by then.

        It begins where the one before it ends, whose followers go over when they have taken what is in it; the
        others as soon as they have come that far.
        """
        await asyncio.sleep(JOINED_WITHIN_S)
        before = self._tail
        if before is not None:
            before.stop()
        if before is not None and not before.is_broken:
            since = before.position
        else:
            since = max(one.position for one in self._live)
        wanted = frozenset(one.wanted for one in self._live)
        self._tail = LiveTail(self._log, wanted, since=since)
        if before is not None:
            await before.over()

    async def _leave(self, follower: _Follower) -> None:
        self._live.discard(follower)
        if self._live:
            return
        if self._renewal is not None:
            self._renewal.cancel()
        tail, self._tail = self._tail, None
        if tail is not None:
            tail.stop()
            await tail.over()
