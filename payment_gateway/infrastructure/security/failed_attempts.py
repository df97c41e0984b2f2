"""Counts failed attempts to get in, for each client address and each key prefix.

Shared through Redis where there is one, and by each process alone where there is none. A key that is valid
is let in whatever was counted: a key cannot be guessed, and nobody shall be able to lock another one out.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

from redis.asyncio import Redis

from payment_gateway.infrastructure.cache import Cache, CacheAway

WINDOW_S: Final = 60
TRACKED_MAX: Final = 10_000  # addresses and prefixes that one process counts by itself
IPV6_NETWORK_BITS: Final = 64  # what one customer of a provider has: addresses in it are one client
_NAME: Final = "auth-failures"


class FailedAttempts:
    """Says whether one more failure is one too many.

    Args:
        failures_max: Failures in a window of ``WINDOW_S`` before the answer changes.
        cache: Redis, where there is one.
        now_s: The time in seconds, the same in all processes.
    """

    def __init__(
        self,
        *,
        failures_max: int,
        cache: Cache | None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._max = failures_max
        self._cache = cache
        self._now_s = now_s
        self._counts: OrderedDict[str, int] = OrderedDict()

    async def note(self, address: str | None, prefix: str | None) -> int | None:
        """Count a failure; return after how many seconds to come back if there were too many."""
        now = self._now_s()
        window = int(now // WINDOW_S)
        subjects = _subjects(address, prefix)
        names = [f"{_NAME}:{window}:{subject}" for subject in subjects]
        counts = await self._count(names)
        if all(count <= self._max for count in counts):
            return None
        return max(1, math.ceil((window + 1) * WINDOW_S - now))

    async def _count(self, names: list[str]) -> list[int]:
        if self._cache is not None:
            keys = [self._cache.key(name) for name in names]
            try:
                return await self._cache.ask(lambda redis: _count_in_redis(redis, keys))
            except CacheAway:
                pass  # each process by itself, until Redis is back
        return [self._count_here(name) for name in names]

    def _count_here(self, name: str) -> int:
        self._counts[name] = count = self._counts.get(name, 0) + 1
        self._counts.move_to_end(name)
        if len(self._counts) > TRACKED_MAX:
            self._counts.popitem(last=False)
        return count


async def _count_in_redis(redis: Redis, keys: Iterable[str]) -> list[int]:
    pipeline = redis.pipeline(transaction=False)
    for key in keys:
        pipeline.incr(key)
        pipeline.expire(key, 2 * WINDOW_S)
    return [int(count) for count in (await pipeline.execute())[::2]]


def _subjects(address: str | None, prefix: str | None) -> list[str]:
    subjects = [f"address:{_client(address)}"] if address else []
    return [*subjects, f"prefix:{prefix}"] if prefix else subjects


def _client(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, IPV6_NETWORK_BITS), strict=False))
    return str(parsed)
