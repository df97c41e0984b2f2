"""How calls went, counted by a process alone or by all through Redis."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from payment_gateway.application.ports import LastHour
from payment_gateway.infrastructure.cache import Cache
from payment_gateway.infrastructure.resilience import call_records
from payment_gateway.infrastructure.resilience.call_records import (
    Account,
    Call,
    CallRecords,
    InMemoryCallRecords,
)
from payment_gateway.infrastructure.resilience.call_records_in_redis import (
    FAILURE_KEPT,
    SLOT_KEPT,
    RedisCallRecords,
)
from tests.valkey_fixture import cache, redis, valkey_url

__all__ = ["cache", "redis", "valkey_url"]

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture(params=["in memory", "in Redis"])
def records(request: pytest.FixtureRequest, cache: Cache) -> CallRecords:
    local = InMemoryCallRecords()
    return local if request.param == "in memory" else RedisCallRecords(cache, local=local)


@pytest.fixture
def account() -> Account:
    return Account(f"t{uuid4().hex}", "PAYPAL")


async def test_without_calls_there_is_nothing_to_say(
    records: CallRecords, account: Account
) -> None:
    summary = await records.summary(account, NOON)

    assert summary.last_hour == LastHour(
        calls=0, success_rate=None, latency_ms_p50=None, latency_ms_p95=None
    )
    assert summary.last_failure is None


async def test_calls_are_counted_with_how_long_they_took(
    records: CallRecords, account: Account
) -> None:
    for number in range(1, 101):  # 2 ms to 200 ms
        failure = "capture: 503" if number % 10 == 0 else None
        at = NOON + timedelta(seconds=number)
        await records.add(account, Call(at=at, duration_s=number / 500, failure=failure))

    summary = await records.summary(account, NOON + timedelta(minutes=2))

    assert summary.last_hour == LastHour(
        calls=100, success_rate=0.9, latency_ms_p50=100, latency_ms_p95=200
    )
    assert summary.last_failure is not None
    assert summary.last_failure.at == NOON + timedelta(seconds=100)
    assert summary.last_failure.reason == "capture: 503"


async def test_after_an_hour_calls_are_forgotten_and_the_last_failure_is_not(
    records: CallRecords, account: Account
) -> None:
    await records.add(account, Call(at=NOON, duration_s=1, failure="refund: ReadTimeout"))

    assert (await records.summary(account, NOON + timedelta(minutes=54))).last_hour.calls == 1
    later = await records.summary(account, NOON + timedelta(minutes=61))

    assert later.last_hour.calls == 0
    assert later.last_failure is not None


async def test_one_tenant_sees_nothing_of_another(records: CallRecords, account: Account) -> None:
    await records.add(account, Call(at=NOON, duration_s=1, failure="no"))

    for other in (Account("rival", "PAYPAL"), Account(account.tenant_id, "PAGADITO")):
        summary = await records.summary(other, NOON)
        assert (summary.last_hour.calls, summary.last_failure) == (0, None)


async def test_a_call_longer_than_the_last_class_counts_in_it(
    records: CallRecords, account: Account
) -> None:
    await records.add(account, Call(at=NOON, duration_s=500))

    assert (await records.summary(account, NOON)).last_hour.latency_ms_p95 == 60_000


async def test_processes_count_together(cache: Cache, account: Account) -> None:
    for _ in range(3):
        one = RedisCallRecords(cache, local=InMemoryCallRecords())
        await one.add(account, Call(at=NOON, duration_s=1))

    another = RedisCallRecords(cache, local=InMemoryCallRecords())
    assert (await another.summary(account, NOON)).last_hour.calls == 3


async def test_what_is_kept_in_redis_ends_and_does_not_grow(
    cache: Cache, redis: Redis, account: Account
) -> None:
    records = RedisCallRecords(cache, local=InMemoryCallRecords())
    for number in range(200):
        call = Call(at=NOON, duration_s=number % 100, failure="no" if number % 2 else None)
        await records.add(account, call)

    slot = f"payment-gateway:tests:calls:{account.tenant_id}:PAYPAL:{call_records.slot_of(NOON)}"
    failure = f"payment-gateway:tests:calls:{account.tenant_id}:PAYPAL:failure"
    assert await redis.hlen(slot) <= 2 + len(call_records.LATENCY_CLASSES_MS)
    assert 0 < await redis.ttl(slot) <= SLOT_KEPT.total_seconds()
    assert 0 < await redis.ttl(failure) <= FAILURE_KEPT.total_seconds()


async def test_a_process_forgets_slots_and_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_records, "ACCOUNTS_MAX", 2)
    records = InMemoryCallRecords()
    for minutes in range(0, 300, 5):
        at = NOON + timedelta(minutes=minutes)
        await records.add(Account("a", "PAYPAL"), Call(at=at, duration_s=1, failure="no"))
    for tenant in ("b", "c"):
        await records.add(Account(tenant, "PAYPAL"), Call(at=at, duration_s=1, failure="no"))

    assert {account.tenant_id for account in records._slots} == {"b", "c"}
    assert {account.tenant_id for account in records._failures} == {"b", "c"}
    await records.add(Account("a", "PAYPAL"), Call(at=at, duration_s=1))
    assert all(len(slots) <= call_records.SLOTS for slots in records._slots.values())


async def test_installations_that_share_a_database_do_not_count_each_others_calls(
    redis: Redis, account: Account
) -> None:
    one, another = (
        RedisCallRecords(Cache(redis, installation=name), local=InMemoryCallRecords())
        for name in ("one", "another")
    )
    await one.add(account, Call(at=NOON, duration_s=1, failure="no"))

    assert (await one.summary(account, NOON)).last_hour.calls == 1
    other = await another.summary(account, NOON)
    assert (other.last_hour.calls, other.last_failure) == (0, None)
