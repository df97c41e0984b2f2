"""The Redis-compatible server that an installation starts."""

import asyncio
import os
from pathlib import Path

import pytest
from redis.asyncio import Redis

from sandbox import redis
from sandbox.errors import ServerMissing
from sandbox.ports import free_port
from sandbox.supervisor import supervise


async def test_a_value_set_is_read_back(tmp_path: Path) -> None:
    port = free_port()

    async def set_and_get() -> object:
        async with Redis.from_url(redis.redis_url(port)) as client:
            await client.set("rate", "17", px=60_000)
            return await client.get("rate")

    got = await supervise(
        [redis.valkey(tmp_path, port)],
        set_and_get,
        log_dir=tmp_path,
        interrupted=asyncio.Event(),
        on_ready=lambda *_: None,
    )

    assert got == b"17"
    assert os.listdir(tmp_path) == ["redis.log"], "a cache keeps nothing on disk"  # noqa: PTH208


def test_where_no_wheel_carries_a_server_the_setting_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis, "DISTRIBUTION", "no-such-distribution")

    with pytest.raises(ServerMissing, match=r"set GATEWAY_REDIS_URL, for example"):
        redis.valkey(tmp_path, 1)
