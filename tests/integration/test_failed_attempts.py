"""Failed attempts are counted: by each process alone, and by all of them through Redis."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from payment_gateway.infrastructure.cache import Cache
from payment_gateway.infrastructure.security import failed_attempts
from payment_gateway.infrastructure.security.failed_attempts import WINDOW_S, FailedAttempts
from tests.valkey_fixture import cache, redis, valkey_url

__all__ = ["cache", "redis", "valkey_url"]

MAX = 5


class Clock:
    now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


def counting(cache: Cache | None, clock: Clock) -> FailedAttempts:
    return FailedAttempts(failures_max=MAX, cache=cache, now_s=clock)


def address() -> str:
    """Return an address of nobody else: the server is shared by tests."""
    raw = uuid4().int
    return f"10.{raw % 256}.{raw // 256 % 256}.{raw // 65536 % 256}"


@pytest.fixture(params=["alone", "shared"])
def shared(request: pytest.FixtureRequest) -> Cache | None:
    if request.param == "alone":
        return None
    found = request.getfixturevalue("cache")
    assert isinstance(found, Cache)
    return found


async def test_more_than_the_limit_in_a_window_have_to_wait_for_the_next(
    shared: Cache | None,
) -> None:
    clock, client = Clock(), address()
    attempts = counting(shared, clock)
    assert [await attempts.note(client, None) for _ in range(MAX)] == [None] * MAX
    wait_s = await attempts.note(client, None)
    assert wait_s is not None
    assert 1 <= wait_s <= WINDOW_S
    clock.now_s += wait_s
    assert await attempts.note(client, None) is None


async def test_addresses_do_not_count_for_each_other(shared: Cache | None) -> None:
    attempts = counting(shared, Clock())
    one, other = address(), address()
    for _ in range(MAX + 1):
        await attempts.note(one, None)
    assert await attempts.note(other, None) is None


async def test_a_prefix_is_counted_over_all_addresses(shared: Cache | None) -> None:
    attempts = counting(shared, Clock())
    prefix = f"gw_test_{uuid4().hex[:6]}"
    answers = [await attempts.note(address(), prefix) for _ in range(MAX + 1)]
    assert answers[:MAX] == [None] * MAX
    assert answers[MAX] is not None


async def test_addresses_of_one_ipv6_network_are_one_client(shared: Cache | None) -> None:
    attempts = counting(shared, Clock())
    network = f"2001:db8:{uuid4().hex[:4]}:{uuid4().hex[:4]}"
    answers = [await attempts.note(f"{network}::{host:x}", None) for host in range(1, MAX + 2)]
    assert answers[MAX] is not None


async def test_processes_count_together_through_redis_also_at_once(cache: Cache) -> None:
    clock, client = Clock(), address()
    processes = [counting(cache, clock) for _ in range(4)]
    answers = await asyncio.gather(
        *(process.note(client, None) for process in processes for _ in range(MAX))
    )
    assert answers.count(None) == MAX


async def test_what_one_process_remembers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_attempts, "TRACKED_MAX", 10)
    attempts = counting(None, Clock())
    for number in range(100):
        await attempts.note(f"10.0.0.{number}", None)
    assert len(attempts._counts) == 10
