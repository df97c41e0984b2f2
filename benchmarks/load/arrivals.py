"""Arrivals that wait for nobody: each begins at its own time, whether those before are done or not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from random import Random
from typing import Any, Final

# More than this and it is the load generator that stands still; what is over it is told as not begun.
IN_FLIGHT_MAX: Final = 2_000


def poisson(rate_per_s: float, duration_s: float, random: Random) -> Iterator[float]:
    """Yield when each arrival is due, in seconds from the beginning; independent of each other."""
    due_s = random.expovariate(rate_per_s)
    while due_s < duration_s:
        yield due_s
        due_s += random.expovariate(rate_per_s)


async def arrive(
    offsets_s: Iterator[float],
    begin: Callable[[float], Coroutine[Any, Any, None]],
    *,
    in_flight_max: int = IN_FLIGHT_MAX,
) -> int:
    """Begin something at each of these times, and wait until all of it has ended.

    Args:
        offsets_s: When, in seconds from now, in order.
        begin: Given the time at which it is due, by ``time.monotonic``. Time that passes between then and
            its beginning is part of what the caller waits.
        in_flight_max: So many at a time.

    Returns:
        How many were not begun, because too many were under way.
    """
    started_s = time.monotonic()
    refused = 0
    under_way: set[asyncio.Task[None]] = set()
    async with asyncio.TaskGroup() as group:
        for offset_s in offsets_s:
            due_s = started_s + offset_s
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            if len(under_way) >= in_flight_max:
                refused += 1
                continue
            task = group.create_task(begin(due_s))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
    return refused
