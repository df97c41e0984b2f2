"""Redis, where there is one: losing it loses nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, TypeVar

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from payment_gateway.settings import Settings

# What names of kept answers begin with, before the tenant that they are for.
ANSWERS: Final = "answers"
TIMEOUT_S: Final = 2.0
CONNECTIONS_MAX: Final = 50
# What a payment waits for Redis at most, and how long nobody asks it again after it gave no answer.
ANSWER_WITHIN_S: Final = 1.0
AWAY_S: Final = 5.0
# Keys that one step of dropping looks at, and how many steps there are at most: ten million keys.
SCANNED_AT_ONCE: Final = 1_000
SCANS_MAX: Final = 10_000

Result = TypeVar("Result")
_log = structlog.get_logger(__name__)


class CacheAway(Exception):
    """Redis gave no answer, or gave none a moment ago. Go on with what this process knows."""


class Cache:
    """Redis as payments may use it: a Redis in trouble costs one of them a second, once in a while.

    Args:
        client: The connections.
        installation: Tells the keys of this installation from those of others in the same database.
        monotonic: The clock by which Redis is left alone.
    """

    def __init__(
        self,
        client: Redis,
        *,
        installation: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._installation = installation
        self._monotonic = monotonic
        self._away_until_s = 0.0

    def key(self, name: str) -> str:
        """Return the key under which this installation keeps what has that name."""
        return f"payment-gateway:{self._installation}:{name}"

    async def ask(self, command: Callable[[Redis], Awaitable[Result]]) -> Result:
        """Run a command and return its answer.

        Raises:
            CacheAway: No answer. What was asked may have been done.
        """
        if self._monotonic() < self._away_until_s:
            raise CacheAway
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await command(self._client)
        except (RedisError, OSError) as error:
            self._away_until_s = self._monotonic() + AWAY_S
            _log.warning("cache.away", error=type(error).__name__, asked_again_in_s=AWAY_S)
            raise CacheAway from error

    async def drop(self, beginning: str) -> bool:
        """Drop what this installation keeps under all names that begin so; return whether all of it.

        The beginning has none of the characters that mean something in a pattern of Redis.
        """
        pattern, cursor = f"{self.key(beginning)}*", 0
        for _ in range(SCANS_MAX):
            scan = partial(_drop_some, pattern=pattern, cursor=cursor)
            try:
                cursor = await self.ask(scan)
            except CacheAway:
                return False
            if cursor == 0:
                return True
        return False


async def _drop_some(client: Redis, *, pattern: str, cursor: int) -> int:
    """Drop what one step through Redis' keys finds; return where to go on, 0 at the end."""
    after, names = await client.scan(cursor, match=pattern, count=SCANNED_AT_ONCE)
    if names:
        await client.unlink(*names)
    return int(after)


@asynccontextmanager
async def open_cache(settings: Settings) -> AsyncGenerator[Redis | None, None]:
    """Yield the Redis that the settings name, ``None`` where they name none.

    The connection is made at the first use, and made again when it was lost. Who finds all
    connections in use waits for one.
    """
    if settings.redis_url is None:
        yield None
        return
    pool = BlockingConnectionPool.from_url(
        settings.redis_url.get_secret_value(),
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        max_connections=CONNECTIONS_MAX,
        timeout=TIMEOUT_S,
    )
    client = Redis.from_pool(pool)
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
