"""Lists kept in Redis: never older than the read model, never another tenant's, and not missed when away."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.exceptions import RedisError

from payment_gateway.infrastructure.cache import ANSWERS, Cache, open_cache
from payment_gateway.settings import Settings
from projections.payment_list import MODEL
from sandbox.ports import free_port
from sandbox.redis import redis_url, valkey
from tests.child_process import READY_WITHIN_S, kill, launch, stop
from tests.integration.query_gateway import Gateway, first_generation, gateway, initiated, paid
from tests.mongodb_fixture import mongodb_uri
from tests.valkey_fixture import cache, redis, valkey_url

__all__ = ["cache", "gateway", "mongodb_uri", "redis", "valkey_url"]

LISTS: Final = ("/payments", "/payments?limit=1", "/payments?status=CREATED")


@pytest.fixture
async def kept(gateway: Gateway, cache: Cache, redis: Redis) -> Gateway:
    """Return the gateway without payments, and its cache without answers."""
    await redis.flushall()
    gateway.keep_answers_in(cache)
    return gateway


async def shown_up_to(gateway: Gateway, position: int, partition: int = 0) -> None:
    for model in gateway.models:
        await gateway.database["checkpoints"].update_one(
            {"_id": first_generation(model).subscription(partition)},
            {"$set": {"position": position}},
            upsert=True,
        )


async def answers_kept(redis: Redis) -> dict[Any, Any]:
    keys = await redis.keys(f"*:{ANSWERS}:*")
    return {key: await redis.get(key) for key in keys}


@pytest.mark.parametrize("path", LISTS)
async def test_an_answer_is_the_same_whether_it_was_kept_or_made(
    kept: Gateway, redis: Redis, path: str
) -> None:
    for _ in range(2):
        await kept.record(initiated())
    made = await kept.get(path)
    (body,) = (await answers_kept(redis)).values()
    assert body == made.content

    found = await kept.get(path)

    assert (found.content, found.headers["etag"]) == (made.content, made.headers["etag"])
    assert found.headers["content-type"] == made.headers["content-type"]
    assert found.headers["consistency-token"] == made.headers["consistency-token"]
    assert len(await answers_kept(redis)) == 1
    assert (
        await kept.get(path, headers={"If-None-Match": made.headers["etag"]})
    ).status_code == 304


async def test_a_kept_answer_is_what_is_answered(kept: Gateway, redis: Redis) -> None:
    await kept.get("/payments")
    (key,) = await answers_kept(redis)
    await redis.set(key, b'{"data":[],"nextCursor":"planted"}')
    assert (await kept.get("/payments")).json()["nextCursor"] == "planted"


async def test_once_the_read_model_has_moved_no_older_answer_is_given(kept: Gateway) -> None:
    for position in range(1, 20):
        payment_id = await kept.record(initiated())
        await shown_up_to(kept, position)
        token = {"Consistency-Token": str(position), "Prefer": "wait=0"}
        for _ in range(2):
            answer = await kept.get("/payments?limit=1", headers=token)
            assert answer.status_code == 200
        assert len((await kept.get("/payments", headers=token)).json()["data"]) == position
        assert payment_id in (await kept.get("/payments", headers=token)).text


async def test_a_partition_that_moves_alone_is_enough(kept: Gateway) -> None:
    """Else one that stands still would hide what the others show."""
    await kept.database["read_models"].update_one(
        {"_id": f"{MODEL.name}@{MODEL.version}"}, {"$set": {"active.partitions": 2}}
    )
    try:
        assert (await kept.get("/payments")).json()["data"] == []
        await kept.record(initiated())
        await shown_up_to(kept, 7, partition=1)
        assert len((await kept.get("/payments")).json()["data"]) == 1
    finally:
        await kept.database["read_models"].update_one(
            {"_id": f"{MODEL.name}@{MODEL.version}"}, {"$set": {"active.partitions": 1}}
        )


async def test_another_tenant_is_never_given_it(kept: Gateway, redis: Redis) -> None:
    await kept.record(initiated())
    mine = await kept.get("/payments")
    others = await kept.get("/payments", tenant_id="other")
    assert len(mine.json()["data"]) == 1
    assert others.json()["data"] == []
    assert len(await answers_kept(redis)) == 2


async def test_nothing_sealed_or_personal_is_kept(kept: Gateway, redis: Redis) -> None:
    payment_id = initiated().payment_id
    await kept.record(initiated(payment_id), *paid(payment_id))
    for path in (*LISTS, f"/payments/{payment_id}", f"/payments/{payment_id}/events"):
        assert (await kept.get(path)).status_code == 200
    stored = b"".join((await answers_kept(redis)).values())
    for secret in (b"12B", b"c-1", b"sealed-text", b"secret-handle", b"internal-fingerprint"):
        assert secret not in stored


async def test_a_redis_that_dies_and_comes_back_is_not_noticed(
    gateway: Gateway, tmp_path: Path
) -> None:
    port = free_port()
    argv, log = valkey(tmp_path, port).argv, tmp_path / "valkey.log"
    settings = Settings.model_validate({"redis_url": redis_url(port)})
    process = launch(argv, log=log)
    async with open_cache(settings) as client:
        assert client is not None
        clock_s = 0.0
        gateway.keep_answers_in(Cache(client, installation="tests", monotonic=lambda: clock_s))
        await until_kept(gateway, client)
        kill(process)
        for position in range(1, 4):
            await gateway.record(initiated())
            await shown_up_to(gateway, position)
            assert len((await gateway.get("/payments")).json()["data"]) == position
        process = launch(argv, log=log)
        clock_s = 1_000.0  # it is asked again
        await shown_up_to(gateway, 9)
        await until_kept(gateway, client)
        stop(process)


async def until_kept(gateway: Gateway, client: Redis) -> None:
    """Ask until an answer is kept: a server that was just started takes a while."""
    deadline_s = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline_s:
        try:
            await client.ping()
        except (OSError, RedisError):
            await asyncio.sleep(0.05)
            continue
        await gateway.get("/payments")
        if await answers_kept(client):
            return
    raise AssertionError("no answer was kept")


async def test_those_of_one_tenant_are_dropped_and_no_others(cache: Cache, redis: Redis) -> None:
    for number in range(1_500):
        await redis.set(cache.key(f"{ANSWERS}:acme:{number}"), b"{}")
    kept = [cache.key(f"{ANSWERS}:acme-2:1"), cache.key("limit:acme:1"), f"other:{ANSWERS}:acme:1"]
    for name in kept:
        await redis.set(name, b"{}")

    assert await cache.drop(f"{ANSWERS}:acme:")

    left = {one.decode() for one in await redis.keys("*acme*") if isinstance(one, bytes)}
    assert left == set(kept)


async def test_without_redis_nothing_is_dropped_and_it_says_so() -> None:
    url = redis_url(free_port())
    async with open_cache(Settings(redis_url=SecretStr(url))) as client:
        assert client is not None
        assert not await Cache(client, installation="i").drop(f"{ANSWERS}:acme:")
