"""A real Valkey server for all tests of a run; each test uses keys of its own."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Generator

import pytest
import redis as sync_redis
from redis.asyncio import Redis

from payment_gateway.infrastructure.cache import Cache, open_cache
from payment_gateway.settings import Settings
from sandbox.ports import free_port
from sandbox.redis import redis_url, valkey
from tests.child_process import READY_WITHIN_S, running

__all__ = ["cache", "redis", "valkey_url"]


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str, None, None]:
    folder = tmp_path_factory.mktemp("valkey")
    port = free_port()
    with running(valkey(folder, port).argv, log=folder / "valkey.log") as process:
        deadline = time.monotonic() + READY_WITHIN_S
        with sync_redis.Redis(host="127.0.0.1", port=port) as client:
            while not _answers(client):
                assert process.poll() is None, (folder / "valkey.log").read_text()
                assert time.monotonic() < deadline, "Valkey was not ready in time"
                time.sleep(0.02)
        yield redis_url(port)


@pytest.fixture
async def redis(valkey_url: str) -> AsyncGenerator[Redis, None]:
    async with open_cache(Settings.model_validate({"redis_url": valkey_url})) as client:
        assert client is not None
        yield client


@pytest.fixture
def cache(redis: Redis) -> Cache:
    return Cache(redis, installation="tests")


def _answers(client: sync_redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except sync_redis.RedisError:
        return False
