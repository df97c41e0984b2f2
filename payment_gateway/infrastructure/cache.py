"""Redis, where there is one: losing it loses nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from payment_gateway.settings import Settings

TIMEOUT_S: Final = 2.0
CONNECTIONS_MAX: Final = 50


@asynccontextmanager
async def open_cache(settings: Settings) -> AsyncGenerator[Redis | None, None]:
    """Yield the Redis that the settings name, ``None`` where they name none.

    The connection is made at the first use, and made again when it was lost.
    """
    if settings.redis_url is None:
        yield None
        return
    client = Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        max_connections=CONNECTIONS_MAX,
    )
    try:
        yield client
    finally:
        await client.aclose()


async def answers(client: Redis) -> bool:
    """Return whether Redis answers."""
    try:
        await client.ping()
    except (RedisError, OSError):
        return False
    return True
