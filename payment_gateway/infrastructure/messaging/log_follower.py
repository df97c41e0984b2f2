"""Keeps something in memory in step with the log: everything so far, then what is new, for ever.

For what each process has to know by itself, such as which API keys are valid. It needs no lease and keeps
no checkpoint. While the event store is away, what is in memory stays as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Final, NoReturn

import structlog

from payment_gateway.application.ports import EventStoreUnavailable, RecordedEvent
from payment_gateway.infrastructure.messaging.backoff import delay_s
from payment_gateway.infrastructure.persistence.event_log import (
    CaughtUp,
    Checkpoint,
    EventFilter,
    EventLog,
    UnknownRecord,
)
from payment_gateway.infrastructure.persistence.eventstoredb import EventStoreRefused

_log: Final = structlog.get_logger(__name__)


class LogFollower:
    """Hands what matches to ``apply``, in order, each event at least once.

    Args:
        log: Where events come from.
        matching: The events wanted.
        apply: Takes one; must not raise, and must not mind one that comes again.
    """

    def __init__(
        self,
        log: EventLog,
        matching: EventFilter,
        apply: Callable[[RecordedEvent | UnknownRecord], None],
    ) -> None:
        self._events: Final = log
        self._matching: Final = matching
        self._apply: Final = apply
        self._tried: Final = asyncio.Event()
        self._position = 0
        self._moved = asyncio.Event()
        self.has_caught_up = False

    async def run(self) -> NoReturn:
        """Follow until cancelled; a lost connection is tried again for as long as it takes."""
        failures = 0
        while True:
            before = self._position
            try:
                await self._follow()
            except (EventStoreUnavailable, EventStoreRefused) as error:
                failures = 1 if self._position > before else failures + 1
                _log.warning("log_follower.cut_off", error=str(error), failures=failures)
            self._tried.set()
            await asyncio.sleep(delay_s(failures))

    async def first_try(self, *, within_s: float) -> bool:
        """Wait until all of the log was read once, or could not be; return whether it was."""
        try:
            async with asyncio.timeout(within_s):
                await self._tried.wait()
        except TimeoutError:
            _log.warning("log_follower.slow_start", waited_s=within_s)
        return self.has_caught_up

    async def reach(self, position: int, *, within_s: float) -> int | None:
        """Wait until everything up to a position in the log was applied.

        Returns:
            How far it has come then; ``None`` where it was not that far within that time.
        """
        try:
            async with asyncio.timeout(within_s):
                while self._position < position:
                    await self._moved.wait()
        except TimeoutError:
            return None
        return self._position

    async def _follow(self) -> None:
        async with aclosing(self._events.subscribe(self._matching, after=self._position)) as items:
            async for item in items:
                match item:
                    case RecordedEvent() | UnknownRecord():
                        self._apply(item)
                        self._move_to(item.position)
                    case Checkpoint(position):
                        self._move_to(position)
                    case CaughtUp():
                        self.has_caught_up = True
                        self._tried.set()

    def _move_to(self, position: int) -> None:
        """Let all who wait for it look whether it is far enough."""
        self._position = position
        self._moved.set()
        self._moved = asyncio.Event()
