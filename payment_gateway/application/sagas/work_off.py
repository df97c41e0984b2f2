"""Works a queue off until it is stopped: what every loop over due things does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final, NoReturn

import structlog

from payment_gateway.application.ports import QueueUnavailable

# What is under way when a process is told to stop is finished within this time, or cut off and found
# again by another: longer than a request to a provider takes, shorter than a process has to stop.
FINISHES_WITHIN_S: Final = 33.0

log = structlog.get_logger()


async def work_off(
    run_once: Callable[[], Awaitable[int]], *, queue: str, idle_s: float
) -> NoReturn:
    """Call again and again, at once while there is work, after a pause while there is none.

    Args:
        run_once: Does what is due and returns how much that was.
        queue: Its name in the logs.
        idle_s: The pause, also after the queue gave no answer.

    Told to stop, it takes nothing more, and finishes what is under way: see ``finish``.
    """
    while True:
        try:
            running = asyncio.ensure_future(run_once())
            try:
                done = await asyncio.shield(running)
            except asyncio.CancelledError:
                await finish({running})
                raise
        except QueueUnavailable as error:
            log.warning("queue.unavailable", queue=queue, error=str(error))
            done = 0
        if done == 0:
            await asyncio.sleep(idle_s)


async def finish(under_way: Collection[asyncio.Future[Any]]) -> None:
    """Wait for what is under way, and cut off what has not ended after ``FINISHES_WITHIN_S``.

    Cancelled itself, by a second signal, it cuts everything off at once.
    """
    if not under_way:
        return
    try:
        await asyncio.wait(under_way, timeout=FINISHES_WITHIN_S)
    finally:
        for one in under_way:
            one.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
