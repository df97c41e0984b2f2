"""Request limits that all processes share: one script a request, by the clock of the Redis server."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from redis.asyncio import Redis

from payment_gateway.application.ports import Admission, Left, Quota
from payment_gateway.infrastructure.cache import Cache, CacheAway
from payment_gateway.infrastructure.resilience.request_limits_in_memory import (
    InMemoryRequestLimits,
)

# A request whose process died has its place no longer than this; nor has one that takes longer.
PLACE_S: Final = 120
_US: Final = 1_000_000
_TICKET_BYTES: Final = 8

# For each quota two keys: when its next request would be due (microseconds), and a sorted set of the
# requests under way by when their places lapse. Everything is looked at before anything is changed.
_ADMIT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local ticket, place = ARGV[1], tonumber(ARGV[2])
local wait, full, due = 0, 0, {}
for i = 1, #KEYS / 2 do
  local interval, burst, at_once = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1]), tonumber(ARGV[3 * i + 2])
  due[i] = math.max(tonumber(redis.call('GET', KEYS[2 * i - 1]) or now), now)
  wait = math.max(wait, due[i] + interval - burst * interval - now)
  redis.call('ZREMRANGEBYSCORE', KEYS[2 * i], '-inf', now)
  if redis.call('ZCARD', KEYS[2 * i]) >= at_once then full = 1 end
end
local answer = {math.ceil(wait), full}
for i = 1, #KEYS / 2 do
  if wait <= 0 and full == 0 then
    due[i] = due[i] + tonumber(ARGV[3 * i])
    local text = string.format('%.0f', due[i])
    redis.call('SET', KEYS[2 * i - 1], text, 'PX', math.ceil((due[i] - now) / 1000) + 1)
    redis.call('ZADD', KEYS[2 * i], string.format('%.0f', now + place), ticket)
    redis.call('PEXPIRE', KEYS[2 * i], math.ceil(place / 1000))
  end
  answer[#answer + 1] = math.floor(due[i] - now)
end
return answer
"""


class RedisRequestLimits:
    """Shared limits; those of this process alone while Redis is away.

    Args:
        cache: Where they are.
        local: What counts while Redis is away.
    """

    def __init__(self, cache: Cache, *, local: InMemoryRequestLimits) -> None:
        self._cache = cache
        self._local = local

    async def admit(self, quotas: Sequence[Quota]) -> Admission:
        """Take one request of each quota and a place in each; see ``RequestLimits``."""
        ticket = secrets.token_hex(_TICKET_BYTES)
        keys = [key for quota in quotas for key in self._keys(quota)]
        arguments: list[str | int] = [ticket, PLACE_S * _US]
        for quota in quotas:
            arguments += [max(round(_US / quota.per_s), 1), quota.burst, quota.at_once]

        async def run(client: Redis) -> list[int]:
            answer: list[int] = await client.register_script(_ADMIT)(keys=keys, args=arguments)
            return answer

        try:
            wait_us, full, *whole_in_us = await self._cache.ask(run)
        except CacheAway:
            return await self._local.admit(quotas)
        left = tuple(map(_left, quotas, whole_in_us))
        if wait_us > 0 or full:
            return Admission(
                quotas=tuple(quotas),
                left=left,
                excess="rate" if wait_us > 0 else "at_once",
                retry_after_s=max(wait_us, 0) / _US,
            )
        return Admission(quotas=tuple(quotas), left=left, ticket=ticket)

    async def leave(self, admission: Admission) -> None:
        """Give the places of a request back; where Redis is away they lapse by themselves."""
        if admission.local:
            await self._local.leave(admission)
            return

        async def remove(client: Redis) -> object:
            async with client.pipeline(transaction=False) as pipeline:
                for quota in admission.quotas:
                    pipeline.zrem(self._keys(quota)[1], admission.ticket)
                return await pipeline.execute()

        try:
            await self._cache.ask(remove)
        except CacheAway:
            return

    def _keys(self, quota: Quota) -> tuple[str, str]:
        """Return where a quota's rate and its places are.

        What stands in braces decides where a cluster keeps a key: those of one script must be together.
        """
        where = f"limit:{{{quota.subject.partition('|')[0]}}}"
        return (
            self._cache.key(f"{where}:{quota.kind}:{quota.subject}"),
            self._cache.key(f"{where}:places:{quota.subject}"),
        )


def _left(quota: Quota, whole_in_us: int) -> Left:
    interval_us = max(round(_US / quota.per_s), 1)
    requests = max((quota.burst * interval_us - whole_in_us) // interval_us, 0)
    return Left(requests=requests, whole_in_s=whole_in_us / _US)
