"""Answers that are asked for often, kept in Redis under the state that they show.

What is kept under a key never becomes wrong: the key names how far every partition of the read model had
come before it was read. Once one of them moves on, other keys are asked for, so that a caller is never
shown less than a token promises, nor anything older than the read model itself. Answers hold nothing
personal: what a payment has sealed is not in a list. Those of a tenant are dropped all the same when it
forgets somebody.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from functools import cache as once
from typing import Final

from fastapi import Response
from pydantic import BaseModel
from redis.asyncio import Redis

from payment_gateway.infrastructure.cache import ANSWERS, Cache, CacheAway
from projections.reading import Asked, Reading

# Frees memory; when it ends decides nothing about what is shown.
KEPT_S: Final = 60
BYTES_MAX: Final = 256 * 1024
DIGEST_BYTES: Final = 16


async def kept_answer(
    asked: Asked,
    shown: Reading,
    shape: type[BaseModel],
    query: tuple[object, ...],
    make: Callable[[], Awaitable[BaseModel]],
) -> Response:
    """Return the answer to a query: the one that is kept, or one that is made and kept.

    Args:
        asked: Who asks; no other tenant is ever given what is kept for this one.
        shown: What it is answered from.
        shape: Of the answer; a release that answers otherwise does not find what this one kept.
        query: All that it depends on besides.
        make: Makes the answer. What it raises is not kept.
    """
    cache = asked.source.cache
    name = _name(asked.tenant_id, shown, shape, query)
    body = await _kept(cache, name)
    if body is None:
        body = (await make()).model_dump_json(by_alias=True).encode()
        await _keep(cache, name, body)
    return Response(body, media_type="application/json", headers=dict(asked.headers))


def _name(tenant_id: str, shown: Reading, shape: type[BaseModel], query: tuple[object, ...]) -> str:
    state = [shown.generation.name, shown.state, _digest_of(shape), *query]
    named = json.dumps(state, default=str).encode()
    return f"{ANSWERS}:{tenant_id}:{_digest(named)}"


@once
def _digest_of(shape: type[BaseModel]) -> str:
    return _digest(json.dumps(shape.model_json_schema(), sort_keys=True).encode())


def _digest(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=DIGEST_BYTES).hexdigest()


async def _kept(cache: Cache | None, name: str) -> bytes | None:
    if cache is None:
        return None
    key = cache.key(name)

    async def get(client: Redis) -> bytes | None:
        found = await client.get(key)
        return found.encode() if isinstance(found, str) else found

    try:
        return await cache.ask(get)
    except CacheAway:
        return None


async def _keep(cache: Cache | None, name: str, body: bytes) -> None:
    if cache is None or len(body) > BYTES_MAX:
        return
    key = cache.key(name)

    async def put(client: Redis) -> None:
        await client.set(key, body, ex=KEPT_S)

    try:
        await cache.ask(put)
    except CacheAway:
        return
