"""Arrivals come at random moments at a rate, and wait for nobody."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load.arrivals import arrive, poisson


@given(
    rate=st.floats(min_value=0.1, max_value=500),
    duration_s=st.floats(min_value=0.01, max_value=20),
    seed=st.integers(),
)
def test_arrivals_are_in_order_and_within_the_time(
    rate: float, duration_s: float, seed: int
) -> None:
    offsets = list(poisson(rate, duration_s, Random(seed)))

    assert offsets == sorted(offsets)
    assert all(0 <= one < duration_s for one in offsets)


def test_their_number_is_the_rate_and_their_gaps_vary_as_chance_has_it() -> None:
    offsets = list(poisson(50, 400, Random(1)))

    gaps = [later - earlier for earlier, later in pairwise(offsets)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert abs(len(offsets) - 20_000) < 600  # four standard deviations
    assert 0.9 < variance / mean**2 < 1.1  # of an exponential distribution both are the same


def test_the_same_seed_is_the_same_load() -> None:
    assert list(poisson(20, 5, Random(3))) == list(poisson(20, 5, Random(3)))
    assert list(poisson(20, 5, Random(3))) != list(poisson(20, 5, Random(4)))


async def test_one_that_takes_long_holds_up_nobody() -> None:
    begun: list[float] = []
    all_begun = asyncio.Event()

    async def slow(due_s: float) -> None:
        begun.append(due_s)
        if len(begun) == 3:
            all_begun.set()
        await all_begun.wait()  # for ever, if each waited for the one before

    async with asyncio.timeout(20):
        assert await arrive(iter((0.0, 0.01, 0.02)), slow) == 0
    assert begun == sorted(begun)


async def test_being_late_is_part_of_what_the_caller_waits() -> None:
    due: list[float] = []

    async def begin(due_s: float) -> None:
        due.append(due_s)
        time.sleep(0.2)  # noqa: ASYNC251 - the loop itself stands still

    started_s = time.monotonic()
    await arrive(iter((0.0, 0.05, 0.1)), begin)

    assert due[2] - due[0] < 0.15, "due as planned, however late it began"
    assert time.monotonic() - started_s >= 0.6


async def test_what_is_too_much_at_a_time_is_told_and_not_begun() -> None:
    go_on = asyncio.Event()
    begun = []

    async def held(due_s: float) -> None:
        begun.append(due_s)
        await go_on.wait()

    async def release() -> None:
        while len(begun) < 2:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        go_on.set()

    refused, _ = await asyncio.gather(
        arrive(iter((0.0, 0.0, 0.0, 0.0)), held, in_flight_max=2), release()
    )

    assert (len(begun), refused) == (2, 2)
