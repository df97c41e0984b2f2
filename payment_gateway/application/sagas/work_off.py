"""Works a queue off until it is stopped: what every loop over due things does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog

from payment_gateway.application.ports import QueueUnavailable

log = structlog.get_logger()


async def work_off(
    run_once: Callable[[], Awaitable[int]], *, queue: str, idle_s: float
) -> NoReturn:
    """Call again and again, at once while there is work, after a pause while there is none.

    Args:
        run_once: Does what is due and returns how much that was.
        queue: Its name in the logs.
        idle_s: The pause, also after the queue gave no answer.
    """
    while True:
        try:
            done = await run_once()
        except QueueUnavailable as error:
            log.warning("queue.unavailable", queue=queue, error=str(error))
            done = 0
        if done == 0:
            await asyncio.sleep(idle_s)
