"""Each server is killed and frozen in turn while customers buy: what needs it says so, all goes on by itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Final

import pytest
from redis.asyncio import Redis

from tests.integration.lifecycle.load import Answer, Load
from tests.integration.lifecycle.programs import Program
from tests.integration.lifecycle.world import (
    READ_MODELS,
    World,
    all_is_consistent,
    read_models_are_right,
    running_world,
    shop_of,
)

# Longer, and all of them, with ``make test-outages``.
EVERY: Final = "OUTAGES_ALL" in os.environ
OUTAGE_S: Final = float(os.environ.get("OUTAGE_S", "2"))
STEADY_S: Final = float(os.environ.get("OUTAGE_STEADY_S", "2"))
TIMEOUT_S: Final = int(os.environ.get("OUTAGE_TIMEOUT_S", "600"))
CUSTOMERS: Final = 3
# A command makes some calls to the event store or to a provider, each with a limit of its own.
ANSWERED_WITHIN_S: Final = 30.0
REFUSALS: Final = {
    "initiate": {"event_store_unavailable", "provider_unavailable", "idempotency_key_in_use"},
    "complete": {"event_store_unavailable", "provider_unavailable", "idempotency_key_in_use"},
    "query": {"read_models_unavailable", "event_store_unavailable", "payment_not_found"},
}

Outage = Callable[[Program], Awaitable[None]]


async def killed(server: Program) -> None:
    """Kill a server, and start it again after a while."""
    server.kill()
    await asyncio.sleep(OUTAGE_S)
    await server.start()


async def frozen(server: Program) -> None:
    """Have a server answer nothing for a while, its connections open."""
    server.freeze()
    await asyncio.sleep(OUTAGE_S)
    server.thaw()
    await server.ready()


# First what commands and queries do without: nothing that is still refused can be another's doing.
DONE_WITHOUT: Final = "redis"
ALL: Final[tuple[tuple[str, Outage], ...]] = tuple(
    (name, outage)
    for name in (DONE_WITHOUT, "eventstore", "mongodb", "paypal")
    for outage in (killed, frozen)
)
# Then what commands cannot do without, and what queries cannot.
SOME: Final[tuple[tuple[str, Outage], ...]] = (
    (DONE_WITHOUT, frozen),
    ("eventstore", killed),
    ("mongodb", frozen),
)


@pytest.mark.timeout(TIMEOUT_S)
async def test_outages_are_told_survived_and_lose_nothing(tmp_path: Path) -> None:
    async with running_world(tmp_path, behind_proxy=False) as world, shop_of(world) as shop:
        load = Load(shop, CUSTOMERS)
        running = asyncio.create_task(load.run())
        await asyncio.sleep(STEADY_S)
        for name, outage in ALL if EVERY else SOME:
            await _suffer(world, load, name, outage)
        load.stop()
        await running

        assert [one for one in load.answers if not _is_as_promised(one)] == []
        await all_is_consistent(shop, load.payments)
        await read_models_are_right(world.installation, READ_MODELS if EVERY else READ_MODELS[:1])
        print(load.outcomes(), f"slowest {max(one.took_s for one in load.answers):.1f} s")


async def _suffer(world: World, load: Load, name: str, outage: Outage) -> None:
    """Have one server fail in one way, and wait until the gateway is well again by itself."""
    answered = len(load.answers)
    await outage(world.servers[name])
    for process in world.gateway.values():
        await process.ready()
    before = len(load.payments)
    await asyncio.sleep(STEADY_S)
    while len(load.payments) == before:  # the test's own limit ends this
        await asyncio.sleep(0.1)
    if name == DONE_WITHOUT:
        assert load.refused(since=answered) == []
        assert "cache.away" in world.gateway["api-1"].log.read_text()
        await _is_asked_again(world.installation.environment["GATEWAY_REDIS_URL"])


async def _is_asked_again(redis_url: str) -> None:
    """Wait until somebody looks for something in Redis; the test's own limit ends this."""
    async with Redis.from_url(redis_url) as redis:

        async def looked() -> int:
            stats = await redis.info("stats")
            return int(stats["keyspace_hits"]) + int(stats["keyspace_misses"])

        before = await looked()
        while await looked() == before:
            await asyncio.sleep(0.1)


def _is_as_promised(answer: Answer) -> bool:
    if answer.took_s > ANSWERED_WITHIN_S:
        return False
    if 200 <= answer.status < 300:
        return True
    if answer.code not in REFUSALS[answer.call]:
        return False
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return answer.retry_after is not None and int(answer.retry_after) >= 1
    return answer.status in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}
