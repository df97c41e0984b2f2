"""Losing Redis loses nothing: everything goes on, each process by itself."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from payment_gateway.infrastructure import cache as module
from payment_gateway.infrastructure.cache import AWAY_S, Cache, CacheAway, open_cache
from payment_gateway.infrastructure.providers.unavailable import CircuitOpen
from payment_gateway.infrastructure.resilience.call_records import (
    Account,
    Call,
    InMemoryCallRecords,
)
from payment_gateway.infrastructure.resilience.call_records_in_redis import RedisCallRecords
from payment_gateway.infrastructure.resilience.circuit import CircuitPolicy, Verdict
from payment_gateway.infrastructure.resilience.circuits_in_memory import InMemoryCircuits
from payment_gateway.infrastructure.resilience.circuits_in_redis import RedisCircuits
from payment_gateway.settings import Settings
from sandbox.ports import free_port
from sandbox.redis import redis_url, valkey
from tests.child_process import launch, running, stop
from tests.listening import listening

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
DEADLINE_S = 30.0
ENDPOINT = "https://provider.test"
POLICY = CircuitPolicy(window_s=60, calls_min=2, failure_rate=0.5, open_s=60, probes_max=1)


@asynccontextmanager
async def client_of(port: int) -> AsyncIterator[Redis]:
    settings = Settings.model_validate({"redis_url": redis_url(port)})
    async with open_cache(settings) as client:
        assert client is not None
        yield client


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """Takes connections and never says anything."""

    async def say_nothing(*_: object) -> None:
        await asyncio.Event().wait()

    async with listening(say_nothing) as port:
        yield port


async def wait_for_answer(cache: Cache) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            await cache.ask(lambda client: client.ping())
        except CacheAway:
            assert time.monotonic() < deadline, "Redis did not come back in time"
            await asyncio.sleep(0.02)
        else:
            return


async def open_by_failures(circuits: RedisCircuits) -> None:
    for _ in range(POLICY.calls_min):
        permit = await circuits.admit(ENDPOINT)
        await circuits.record(ENDPOINT, permit, Verdict.FAILED)


async def test_a_redis_that_says_nothing_costs_one_caller_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ANSWER_WITHIN_S", 0.1)
    now_s = 0.0
    async with silent_server() as port, client_of(port) as client:
        cache = Cache(client, installation="tests", monotonic=lambda: now_s)
        with capture_logs() as logs, pytest.raises(CacheAway):
            await cache.ask(lambda client: client.ping())
        assert [log["event"] for log in logs] == ["cache.away"]

        now_s = AWAY_S - 0.1
        with pytest.raises(CacheAway):
            async with asyncio.timeout(0.05):
                await cache.ask(lambda client: client.ping())

        now_s = AWAY_S
        with capture_logs() as logs, pytest.raises(CacheAway):
            await cache.ask(lambda client: client.ping())
        assert [log["event"] for log in logs] == ["cache.away"]


async def test_circuits_open_without_redis() -> None:
    async with client_of(free_port()) as client:
        circuits = RedisCircuits(
            Cache(client, installation="tests"), POLICY, local=InMemoryCircuits(POLICY)
        )

        await open_by_failures(circuits)

        assert (await circuits.look(ENDPOINT)).state == "open"
        with pytest.raises(CircuitOpen):
            await circuits.admit(ENDPOINT)


async def test_calls_are_counted_without_redis() -> None:
    account = Account("demo", "PAYPAL")
    async with client_of(free_port()) as client:
        records = RedisCallRecords(Cache(client, installation="tests"), local=InMemoryCallRecords())

        await records.add(account, Call(at=NOON, duration_s=1))

        assert (await records.summary(account, NOON)).last_hour.calls == 1


async def test_a_redis_that_goes_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AWAY_S", 0.05)
    port = free_port()
    argv, log = valkey(tmp_path, port).argv, tmp_path / "valkey.log"
    async with client_of(port) as client:
        cache = Cache(client, installation="tests")
        circuits = RedisCircuits(cache, POLICY, local=InMemoryCircuits(POLICY))
        process = launch(argv, log=log)
        try:
            await wait_for_answer(cache)
            under_way = await circuits.admit(ENDPOINT)
            assert not under_way.local
        finally:
            stop(process)

        assert await circuits.record(ENDPOINT, under_way, Verdict.FAILED) is None
        await open_by_failures(circuits)
        assert (await circuits.look(ENDPOINT)).state == "open"

        with running(argv, log=log):
            await wait_for_answer(cache)
            assert (await circuits.look(ENDPOINT)).state == "closed"  # it kept nothing
            assert not (await circuits.admit(ENDPOINT)).local
