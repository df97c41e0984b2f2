"""What a simulator does later by itself, at a time of its own clock, and still after a restart."""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import datetime

from sandbox.providers.clock import Clock
from sandbox.providers.store import Store

AT_ONCE_MAX = 8
# The simulated clock can be moved at any moment, so a long wait is taken in short steps.
CLOCK_LOOKED_AT_EVERY_S = 0.25

_log = logging.getLogger(__name__)


class Agenda:
    """The keys of one queue, each performed when its time has come."""

    def __init__(self, store: Store, clock: Clock, queue: str) -> None:
        self._store = store
        self._clock = clock
        self._queue = queue
        self._woken = asyncio.Event()

    def add(self, key: str, at: datetime) -> None:
        """Let ``key`` be performed at ``at``; inside ``store.transact``."""
        self._store.put_on_queue(self._queue, key, at)
        self._woken.set()

    def remove(self, key: str) -> bool:
        """Let ``key`` be performed no more, and say whether it would have been; inside ``store.transact``."""
        return self._store.take_off_queue(self._queue, key)

    def has(self, key: str) -> bool:
        """Say whether ``key`` is still to be performed; inside ``store.transact``."""
        return self._store.waits_on_queue(self._queue, key)

    def look_again(self) -> None:
        """Notice that whatever paused the agenda has changed."""
        self._woken.set()

    async def run(
        self, perform: Callable[[str], Coroutine[None, None, None]], *, paused: Callable[[], bool]
    ) -> None:
        """Perform what is due, ``AT_ONCE_MAX`` at a time, until cancelled.

        Args:
            perform: Does what a key stands for, and removes the key or adds it again for later.
            paused: While this holds, nothing begins.
        """
        while True:
            self._woken.clear()
            try:
                keys, anything_waits = await self._store.transact(self._look)
                if keys and not paused():
                    await asyncio.gather(*(perform(key) for key in keys))
                    continue
            except sqlite3.Error:
                _log.exception(
                    "the queue %s could not be worked on; it is tried again", self._queue
                )
                await asyncio.sleep(CLOCK_LOOKED_AT_EVERY_S)
                continue
            wait_s = CLOCK_LOOKED_AT_EVERY_S if anything_waits and not paused() else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._woken.wait()

    def _look(self) -> tuple[list[str], bool]:
        keys = self._store.due(self._queue, until=self._clock.now(), limit=AT_ONCE_MAX)
        return keys, bool(keys) or self._store.anything_waits(self._queue)


@contextlib.asynccontextmanager
async def in_background(*work: Callable[[], Coroutine[None, None, None]]) -> AsyncIterator[None]:
    """Run each ``work``, which never ends by itself, for the length of the block."""
    tasks = [asyncio.create_task(begin()) for begin in work]
    for task in tasks:
        task.add_done_callback(_say_when_it_died)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _say_when_it_died(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.critical("background work has ended and is not done any more", exc_info=error)
