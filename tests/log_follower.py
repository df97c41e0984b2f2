"""Somebody who follows a log, and what he is to see of it."""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from typing import Final

from payment_gateway.application.ports import EventStoreUnavailable
from payment_gateway.infrastructure.persistence.event_log import (
    CaughtUp,
    EventLog,
    LogItem,
    RecordedEvent,
    StreamFilter,
)

WAIT_S: Final = 20.0


class LogFollower:
    """Takes what it is given, unless it is held up; begins again where it was when it is cut off."""

    def __init__(
        self, log: EventLog, pattern: str, types: frozenset[str] | None = None, after: int = 0
    ) -> None:
        self.seen: list[RecordedEvent] = []
        self.pattern = pattern
        self.types = types
        self.begins_after = self.position = after
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.cuts = 0
        self._moved = asyncio.Event()
        self.caught_up = 0
        self._log = log
        self._task = asyncio.create_task(self._run())

    async def leave(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})
        if not self._task.cancelled():
            self._task.result()

    async def has_come_to(self, position: int) -> None:
        async with asyncio.timeout(WAIT_S):
            while self.position < position:
                assert not self._task.done(), self._task
                self._moved.clear()
                await self._moved.wait()

    def expected(self, log: list[RecordedEvent]) -> list[RecordedEvent]:
        return [
            one
            for one in log
            if self.begins_after < one.position
            and re.fullmatch(self.pattern, one.stream)
            and (self.types is None or one.type in self.types)
        ]

    async def _run(self) -> None:
        while True:
            matching = StreamFilter(self.pattern)
            items = self._log.subscribe(matching, after=self.position, types=self.types)
            try:
                async with aclosing(items):
                    async for item in items:
                        await self._take(item)
            except EventStoreUnavailable:
                self.cuts += 1

    async def _take(self, item: LogItem) -> None:
        if isinstance(item, CaughtUp):
            self.caught_up += 1
            return
        assert item.position >= self.position, "nothing comes twice, or out of order"
        self.position = item.position
        self._moved.set()
        if isinstance(item, RecordedEvent):
            self.seen.append(item)
        await self.may_go_on.wait()
