"""A slow endpoint fills its own compartment and no other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from payment_gateway.infrastructure.providers.unavailable import BulkheadFull
from payment_gateway.infrastructure.resilience.bulkhead import COME_BACK_S, Bulkhead, Bulkheads
from payment_gateway.settings import Settings

DEADLINE_S = 5.0


@asynccontextmanager
async def occupied(bulkhead: Bulkhead, calls: int) -> AsyncIterator[asyncio.Event]:
    """Hold so many places until the event is set or the block ends."""
    release, inside = asyncio.Event(), asyncio.Semaphore(0)

    async def call() -> None:
        async with bulkhead.place():
            inside.release()
            await release.wait()

    tasks = [asyncio.create_task(call()) for _ in range(calls)]
    for _ in tasks:
        await asyncio.wait_for(inside.acquire(), DEADLINE_S)
    yield release
    release.set()
    await asyncio.gather(*tasks)


async def test_as_many_as_allowed_are_under_way_at_once() -> None:
    bulkhead = Bulkhead(calls_max=2, waiting_max=10, wait_s_max=DEADLINE_S)
    under_way = most = 0

    async def call() -> None:
        nonlocal under_way, most
        async with bulkhead.place():
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1

    await asyncio.gather(*(call() for _ in range(12)))

    assert most == 2


async def test_who_finds_no_place_in_time_is_refused() -> None:
    bulkhead = Bulkhead(calls_max=1, waiting_max=10, wait_s_max=0.01)
    async with occupied(bulkhead, 1):
        with pytest.raises(BulkheadFull, match="under way") as refused:
            async with bulkhead.place():
                pytest.fail("there was no place")

    assert refused.value.retry_after_s == COME_BACK_S
    async with bulkhead.place():
        pass


async def test_whom_there_is_no_room_to_wait_for_is_refused_at_once() -> None:
    bulkhead = Bulkhead(calls_max=1, waiting_max=0, wait_s_max=DEADLINE_S)
    async with occupied(bulkhead, 1):
        with pytest.raises(BulkheadFull, match="wait"):
            async with asyncio.timeout(0.5), bulkhead.place():
                pytest.fail("there was no place")


async def test_who_waits_takes_the_place_that_comes_free() -> None:
    bulkhead = Bulkhead(calls_max=1, waiting_max=1, wait_s_max=DEADLINE_S)
    async with occupied(bulkhead, 1) as release:
        asyncio.get_running_loop().call_soon(release.set)
        async with bulkhead.place():
            pass


async def test_who_gives_up_waiting_leaves_no_trace() -> None:
    bulkhead = Bulkhead(calls_max=1, waiting_max=1, wait_s_max=DEADLINE_S)
    async with occupied(bulkhead, 1):
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001), bulkhead.place():
                    pytest.fail("there was no place")

    async with bulkhead.place():
        pass


async def test_each_endpoint_has_a_compartment_of_its_own() -> None:
    settings = Settings.model_validate(
        {
            "provider_calls_max": 1,
            "provider_calls_waiting_max": 0,
            "provider_place_timeout_s": 0.01,
        }
    )
    bulkheads = Bulkheads(settings)
    async with occupied(bulkheads.at("https://slow.test"), 1):
        async with bulkheads.at("https://quick.test").place():
            pass
        with pytest.raises(BulkheadFull):
            async with bulkheads.at("https://slow.test").place():
                pytest.fail("there was no place")
