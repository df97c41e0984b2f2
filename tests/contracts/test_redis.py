"""What the gateway relies on Redis for: ours, and any other that is named."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from payment_gateway.infrastructure.cache import answers, open_cache
from payment_gateway.settings import Settings
from sandbox import redis as valkey
from sandbox.ports import free_port
from tests.child_process import running
from tests.docker_engine import valkey_container

READY_WITHIN_S = 10.0


@pytest.fixture(
    scope="module", params=["wheel", pytest.param("container", marks=pytest.mark.docker)]
)
def redis_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    if request.param == "container":
        with valkey_container() as url:
            yield url
        return
    folder, port = tmp_path_factory.mktemp("valkey"), free_port()
    with running(valkey.valkey(folder, port).argv, log=folder / "out.log"):
        yield valkey.redis_url(port)


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with open_cache(Settings(redis_url=SecretStr(redis_url))) as opened:
        assert opened is not None
        async with asyncio.timeout(READY_WITHIN_S):
            while not await answers(opened):
                await asyncio.sleep(0.05)
        yield opened


async def test_what_is_set_is_gone_when_its_time_is_up(client: Redis) -> None:
    key = uuid4().hex
    await client.set(key, "value", px=50)
    assert await client.get(key) == b"value"
    async with asyncio.timeout(READY_WITHIN_S):
        while await client.exists(key):
            await asyncio.sleep(0.01)


async def test_a_script_is_atomic_and_reads_the_servers_clock(client: Redis) -> None:
    key = uuid4().hex
    script = client.register_script(
        "redis.call('INCR', KEYS[1]) return {redis.call('GET', KEYS[1]), redis.call('TIME')[1]}"
    )
    results = await asyncio.gather(*(script(keys=[key]) for _ in range(50)))
    assert sorted(int(count) for count, _ in results) == list(range(1, 51))
    assert all(int(seconds) > 0 for _, seconds in results)


async def test_a_lock_is_taken_by_one(client: Redis) -> None:
    key = uuid4().hex
    taken = await asyncio.gather(*(client.set(key, n, nx=True, px=5_000) for n in range(10)))
    assert sum(bool(one) for one in taken) == 1


async def test_nobody_there_is_no_answer_and_no_exception() -> None:
    url = SecretStr(f"redis://127.0.0.1:{free_port()}/0")
    async with open_cache(Settings(redis_url=url)) as opened:
        assert opened is not None
        assert not await answers(opened)
