"""How calls of all processes went, in Redis; what this process saw, while Redis is away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from redis.asyncio import Redis

from payment_gateway.application.ports import LastFailure
from payment_gateway.infrastructure.cache import Cache, CacheAway
from payment_gateway.infrastructure.resilience.call_records import (
    SLOT,
    SLOTS,
    Account,
    Call,
    CallSummary,
    InMemoryCallRecords,
    counters_of,
    hour_of,
    slot_of,
    slots_of_last_hour,
)

SLOT_KEPT: Final = (SLOTS + 1) * SLOT
FAILURE_KEPT: Final = timedelta(days=7)


class RedisCallRecords:
    """One hash for each account and slot, one for an account's last failure; all of them end."""

    def __init__(self, cache: Cache, *, local: InMemoryCallRecords) -> None:
        self._cache = cache
        self._local = local

    async def add(self, account: Account, call: Call) -> None:
        """Count a call, also for the time when Redis is away."""
        await self._local.add(account, call)
        slot, failure = self._slot_key(account, slot_of(call.at)), self._failure_key(account)

        async def write(client: Redis) -> None:
            pipeline = client.pipeline(transaction=False)
            for counter in counters_of(call):
                pipeline.hincrby(slot, counter, 1)
            pipeline.expire(slot, SLOT_KEPT)
            if call.failure is not None:
                at = str(call.at.timestamp())
                pipeline.hset(failure, mapping={"at": at, "reason": call.failure})
                pipeline.expire(failure, FAILURE_KEPT)
            await pipeline.execute()

        try:
            await self._cache.ask(write)
        except CacheAway:
            return

    async def summary(self, account: Account, now: datetime) -> CallSummary:
        """Return what all processes know, or this one where Redis is away."""

        async def read(client: Redis) -> list[dict[bytes, bytes]]:
            pipeline = client.pipeline(transaction=False)
            for number in slots_of_last_hour(now):
                pipeline.hgetall(self._slot_key(account, number))
            pipeline.hgetall(self._failure_key(account))
            return list(await pipeline.execute())

        try:
            *slots, failure = await self._cache.ask(read)
        except CacheAway:
            return await self._local.summary(account, now)
        return CallSummary(
            last_hour=hour_of(
                {name.decode(): int(number) for name, number in slot.items()} for slot in slots
            ),
            last_failure=_failure_of(failure),
        )

    def _slot_key(self, account: Account, number: int) -> str:
        return self._cache.key(f"calls:{account.tenant_id}:{account.provider_type}:{number}")

    def _failure_key(self, account: Account) -> str:
        return self._cache.key(f"calls:{account.tenant_id}:{account.provider_type}:failure")


def _failure_of(stored: dict[bytes, Any]) -> LastFailure | None:
    if not stored:
        return None
    return LastFailure(
        at=datetime.fromtimestamp(float(stored[b"at"]), UTC), reason=stored[b"reason"].decode()
    )
