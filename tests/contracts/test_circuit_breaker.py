"""What any keeper of circuits does, in memory and in Redis alike."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest

from payment_gateway.infrastructure.cache import Cache
from payment_gateway.infrastructure.providers.unavailable import CircuitOpen
from payment_gateway.infrastructure.resilience.circuit import (
    CircuitPolicy,
    Circuits,
    CircuitState,
    Permit,
    Verdict,
)
from payment_gateway.infrastructure.resilience.circuits_in_memory import InMemoryCircuits
from payment_gateway.infrastructure.resilience.circuits_in_redis import RedisCircuits
from tests.valkey_fixture import cache, redis, valkey_url

__all__ = ["cache", "redis", "valkey_url"]

DEADLINE_S = 10.0
OPEN_S = 0.2
POLICY = CircuitPolicy(
    window_s=60, calls_min=4, failure_rate=0.5, open_s=OPEN_S, probes_max=2, probe_lease_s=60
)


Keeper = Callable[[CircuitPolicy], Circuits]


@pytest.fixture(params=["in memory", "in Redis"])
def keeper(request: pytest.FixtureRequest, cache: Cache) -> Keeper:
    """Makes circuits under a policy."""
    if request.param == "in memory":
        return InMemoryCircuits
    return lambda policy: RedisCircuits(cache, policy, local=InMemoryCircuits(policy))


@pytest.fixture
def circuits(keeper: Keeper) -> Circuits:
    return keeper(POLICY)


@pytest.fixture
def endpoint() -> str:
    return f"https://{uuid4()}.test"


async def send(circuits: Circuits, endpoint: str, *verdicts: Verdict) -> list[CircuitState | None]:
    return [
        await circuits.record(endpoint, await circuits.admit(endpoint), verdict)
        for verdict in verdicts
    ]


async def open_circuit(circuits: Circuits, endpoint: str) -> None:
    became = await send(circuits, endpoint, *[Verdict.FAILED] * POLICY.calls_min)
    assert became[-1] == "open"


async def wait_until(circuits: Circuits, endpoint: str, state: CircuitState) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while (await circuits.look(endpoint)).state != state:
        assert time.monotonic() < deadline, f"not {state} in time"
        await asyncio.sleep(0.01)


async def admitted(circuits: Circuits, endpoint: str, tries: int) -> list[Permit]:
    outcomes = await asyncio.gather(
        *(circuits.admit(endpoint) for _ in range(tries)), return_exceptions=True
    )
    permits = [outcome for outcome in outcomes if isinstance(outcome, Permit)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, CircuitOpen)]
    assert len(permits) + len(refused) == tries
    return permits


async def test_a_new_circuit_is_closed(circuits: Circuits, endpoint: str) -> None:
    assert (await circuits.look(endpoint)).state == "closed"
    assert len(await admitted(circuits, endpoint, 10)) == 10


async def test_it_stays_closed_below_the_fewest_calls(circuits: Circuits, endpoint: str) -> None:
    assert await send(circuits, endpoint, *[Verdict.FAILED] * 3) == [None] * 3
    assert (await circuits.look(endpoint)).state == "closed"


async def test_it_opens_at_the_share_of_failures(circuits: Circuits, endpoint: str) -> None:
    verdicts = [Verdict.ANSWERED] * 3 + [Verdict.FAILED] * 2
    assert await send(circuits, endpoint, *verdicts) == [None] * 5  # two of five

    assert await send(circuits, endpoint, Verdict.FAILED) == ["open"]  # three of six


async def test_what_says_nothing_does_not_count(circuits: Circuits, endpoint: str) -> None:
    verdicts = [Verdict.NONE] * 10 + [Verdict.FAILED] * 3
    assert await send(circuits, endpoint, *verdicts) == [None] * 13


async def test_open_it_refuses_and_says_for_how_long(circuits: Circuits, endpoint: str) -> None:
    await open_circuit(circuits, endpoint)

    with pytest.raises(CircuitOpen) as refused:
        await circuits.admit(endpoint)

    assert refused.value.retry_after_s is not None
    assert 0 < refused.value.retry_after_s <= OPEN_S
    standing = await circuits.look(endpoint)
    assert standing.state == "open"
    assert standing.left_s is not None
    assert 0 < standing.left_s <= OPEN_S


async def test_one_endpoint_says_nothing_about_another(circuits: Circuits, endpoint: str) -> None:
    await open_circuit(circuits, endpoint)

    assert (await circuits.look(f"{endpoint}:8443")).state == "closed"


async def test_half_open_it_admits_only_so_many_at_once(circuits: Circuits, endpoint: str) -> None:
    await open_circuit(circuits, endpoint)
    await wait_until(circuits, endpoint, "half_open")

    assert len(await admitted(circuits, endpoint, 10)) == POLICY.probes_max


async def test_answered_probes_close_it(circuits: Circuits, endpoint: str) -> None:
    await open_circuit(circuits, endpoint)
    await wait_until(circuits, endpoint, "half_open")

    became = await send(circuits, endpoint, Verdict.ANSWERED, Verdict.ANSWERED)

    assert became == [None, "closed"]
    assert len(await admitted(circuits, endpoint, 10)) == 10
    assert await send(circuits, endpoint, *[Verdict.FAILED] * 3) == [None] * 3  # counted anew


async def test_a_failed_probe_opens_it_again(circuits: Circuits, endpoint: str) -> None:
    await open_circuit(circuits, endpoint)
    await wait_until(circuits, endpoint, "half_open")

    became = await send(circuits, endpoint, Verdict.ANSWERED, Verdict.FAILED)

    assert became == [None, "open"]
    assert await admitted(circuits, endpoint, 3) == []


async def test_a_probe_that_says_nothing_gives_its_place_back(
    circuits: Circuits, endpoint: str
) -> None:
    await open_circuit(circuits, endpoint)
    await wait_until(circuits, endpoint, "half_open")

    assert await send(circuits, endpoint, *[Verdict.NONE] * 5) == [None] * 5

    assert (await circuits.look(endpoint)).state == "half_open"


async def test_a_probe_whose_process_died_gives_its_place_back(
    keeper: Keeper, endpoint: str
) -> None:
    circuits = keeper(replace(POLICY, probes_max=1, probe_lease_s=0.2))
    await open_circuit(circuits, endpoint)
    await wait_until(circuits, endpoint, "half_open")
    [lost] = await admitted(circuits, endpoint, 3)

    deadline = time.monotonic() + DEADLINE_S
    while not (taken := await admitted(circuits, endpoint, 1)):
        assert time.monotonic() < deadline, "the place was not given back in time"
        await asyncio.sleep(0.02)

    assert await circuits.record(endpoint, lost, Verdict.FAILED) is None
    assert await circuits.record(endpoint, taken[0], Verdict.ANSWERED) is None


async def test_a_request_from_before_it_opened_changes_nothing(
    circuits: Circuits, endpoint: str
) -> None:
    slow = await circuits.admit(endpoint)
    await open_circuit(circuits, endpoint)
    assert await circuits.record(endpoint, slow, Verdict.ANSWERED) is None
    await wait_until(circuits, endpoint, "half_open")

    assert await circuits.record(endpoint, slow, Verdict.FAILED) is None

    assert (await circuits.look(endpoint)).state == "half_open"


async def test_failures_of_long_ago_do_not_count(keeper: Keeper, endpoint: str) -> None:
    circuits = keeper(replace(POLICY, window_s=0.3))
    await send(circuits, endpoint, *[Verdict.FAILED] * 3)
    await asyncio.sleep(0.4)  # longer than the window

    assert await send(circuits, endpoint, Verdict.FAILED) == [None]
