"""What anything that counts requests does, in memory and in Redis alike."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from uuid import uuid4

import pytest

from payment_gateway.application.ports import Admission, Quota, RequestLimits
from payment_gateway.infrastructure.cache import Cache
from payment_gateway.infrastructure.resilience.request_limits_in_memory import (
    InMemoryRequestLimits,
)
from payment_gateway.infrastructure.resilience.request_limits_in_redis import RedisRequestLimits
from tests.valkey_fixture import cache, redis, valkey_url

__all__ = ["cache", "redis", "valkey_url"]

SLOW = 0.01  # a request in a hundred seconds: none comes back while a test runs
MANY = 1_000


@pytest.fixture(params=["in memory", "in Redis"])
def limits(request: pytest.FixtureRequest, cache: Cache) -> RequestLimits:
    if request.param == "in memory":
        return InMemoryRequestLimits()
    return RedisRequestLimits(cache, local=InMemoryRequestLimits())


@pytest.fixture
def quota() -> Quota:
    return Quota(
        name="key", subject=f"t|{uuid4()}", kind="writes", per_s=SLOW, burst=3, at_once=MANY
    )


async def admit(limits: RequestLimits, times: int, *quotas: Quota) -> list[Admission]:
    return [await limits.admit(quotas) for _ in range(times)]


def allowed(admissions: list[Admission]) -> int:
    return sum(one.excess is None for one in admissions)


async def test_as_many_as_the_burst_come_at_one_moment(limits: RequestLimits, quota: Quota) -> None:
    admissions = await admit(limits, 5, quota)
    assert [one.excess for one in admissions] == [None, None, None, "rate", "rate"]
    assert [one.left[0].requests for one in admissions] == [2, 1, 0, 0, 0]


async def test_a_refused_one_is_told_exactly_how_long_to_wait(
    limits: RequestLimits, quota: Quota
) -> None:
    quota = replace(quota, per_s=2.0, burst=1)
    await admit(limits, 1, quota)
    [refused] = await admit(limits, 1, quota)
    assert 0 < refused.retry_after_s <= 0.5
    await asyncio.sleep(refused.retry_after_s + 0.01)
    assert allowed(await admit(limits, 1, quota)) == 1


async def test_refused_ones_use_nothing_up(limits: RequestLimits, quota: Quota) -> None:
    quota = replace(quota, per_s=5.0, burst=1)
    started = time.monotonic()
    admissions = []
    while time.monotonic() < started + 1.1:
        admissions += await admit(limits, 5, quota)
        await asyncio.sleep(0.01)
    passed_s = time.monotonic() - started
    assert 4 <= allowed(admissions) <= 1 + 5 * passed_s


async def test_reads_and_writes_are_counted_apart(limits: RequestLimits, quota: Quota) -> None:
    assert allowed(await admit(limits, 4, quota)) == 3
    assert allowed(await admit(limits, 4, replace(quota, kind="reads"))) == 3


async def test_callers_are_counted_apart(limits: RequestLimits, quota: Quota) -> None:
    assert allowed(await admit(limits, 4, quota)) == 3
    assert allowed(await admit(limits, 4, replace(quota, subject=f"t|{uuid4()}"))) == 3


async def test_every_quota_must_allow_it_and_a_refused_one_takes_from_none(
    limits: RequestLimits, quota: Quota
) -> None:
    tenant = replace(quota, name="tenant", subject=f"t|{uuid4()}", burst=4)
    other = replace(quota, subject=f"t|{uuid4()}")
    assert allowed(await admit(limits, 10, quota, tenant)) == 3
    assert allowed(await admit(limits, 10, other, tenant)) == 1
    assert allowed(await admit(limits, 10, other)) == 2


async def test_only_so_many_are_under_way(limits: RequestLimits, quota: Quota) -> None:
    quota = replace(quota, burst=MANY, at_once=2)
    first, second, third = await admit(limits, 3, quota)
    assert [one.excess for one in (first, second, third)] == [None, None, "at_once"]
    await limits.leave(first)
    assert allowed(await admit(limits, 2, quota)) == 1
    assert third.left[0].requests == second.left[0].requests  # it used none up
    await limits.leave(second)


async def test_leaving_twice_gives_one_place(limits: RequestLimits, quota: Quota) -> None:
    quota = replace(quota, burst=MANY, at_once=2)
    first, _ = await admit(limits, 2, quota)
    await limits.leave(first)
    await limits.leave(first)
    assert allowed(await admit(limits, 3, quota)) == 1


async def test_of_fifty_at_the_same_moment_as_many_come_through_as_may(
    limits: RequestLimits, quota: Quota
) -> None:
    quota = replace(quota, burst=7)
    admissions = await asyncio.gather(*(limits.admit([quota]) for _ in range(50)))
    assert allowed(admissions) == 7


async def test_processes_share_what_redis_counts(cache: Cache, quota: Quota) -> None:
    one, other = (RedisRequestLimits(cache, local=InMemoryRequestLimits()) for _ in range(2))
    assert allowed(await admit(one, 2, quota) + await admit(other, 2, quota)) == 3


async def test_while_redis_is_away_each_process_counts_for_itself(
    cache: Cache, quota: Quota
) -> None:
    away = Cache(cache._client, installation="tests", monotonic=lambda: 0.0)
    away._away_until_s = 1.0
    limits = RedisRequestLimits(away, local=InMemoryRequestLimits())
    quota = replace(quota, at_once=2)
    first, _, third = await admit(limits, 3, quota)
    assert (first.local, third.excess) == (True, "at_once")
    await limits.leave(first)
    assert allowed(await admit(limits, 2, quota)) == 1


async def test_nothing_is_left_in_redis_once_the_rate_is_kept(cache: Cache, quota: Quota) -> None:
    limits = RedisRequestLimits(cache, local=InMemoryRequestLimits())
    quota = replace(quota, per_s=1000.0, burst=1)
    [admission] = await admit(limits, 1, quota)
    await limits.leave(admission)
    deadline = time.monotonic() + 10
    while await cache.ask(lambda client: client.keys(f"*{quota.subject}*")):
        assert time.monotonic() < deadline, "keys stay"
        await asyncio.sleep(0.02)


async def test_a_process_remembers_only_so_many_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    module = "payment_gateway.infrastructure.resilience.request_limits_in_memory.CALLERS_MAX"
    monkeypatch.setattr(module, 100)
    limits = InMemoryRequestLimits()
    quota = Quota(name="key", subject="", kind="reads", per_s=SLOW, burst=1, at_once=MANY)
    for number in range(1_000):
        await limits.leave(await limits.admit([replace(quota, subject=str(number))]))
    assert len(limits._due_s) <= 101
    assert len(limits._running) == 0
