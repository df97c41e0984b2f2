"""When a circuit opens and closes, to the second, and what counts as the endpoint's failure."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from payment_gateway.application.ports import ProviderOutcomeUnknown, ProviderUnavailable
from payment_gateway.infrastructure.providers.http import SLOW_DOWN_S, HttpEndpoint
from payment_gateway.infrastructure.providers.unavailable import CircuitOpen, SlowDown
from payment_gateway.infrastructure.resilience.circuit import (
    PROBE_WAIT_S,
    CircuitBreaker,
    CircuitPolicy,
    Verdict,
    circuit_policy,
)
from payment_gateway.infrastructure.resilience.circuits_in_memory import InMemoryCircuits
from payment_gateway.settings import Settings
from payment_gateway.telemetry.metrics import REGISTRY

URL = "https://provider.test"
POLICY = CircuitPolicy(
    window_s=60, calls_min=4, failure_rate=0.5, open_s=15, probes_max=1, probe_lease_s=60
)


class Provider:
    """An endpoint whose answers and whose clock a test sets."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.answer: Callable[[httpx.Request], httpx.Response] = lambda _: httpx.Response(200)
        self.requests = 0
        self.circuits = InMemoryCircuits(POLICY, monotonic=lambda: self.now_s)
        client = httpx.AsyncClient(transport=httpx.MockTransport(self._handle), base_url=URL)
        circuit = CircuitBreaker(self.circuits, URL, provider="PAYPAL")
        self.endpoint = HttpEndpoint(client, deadline_s=5, circuit=circuit)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        return self.answer(request)

    def answers(self, status: int, **more: Any) -> None:
        self.answer = lambda _: httpx.Response(status, **more)

    def breaks(self, error: type[httpx.TransportError]) -> None:
        def fail(request: httpx.Request) -> httpx.Response:
            raise error("silence", request=request)

        self.answer = fail

    async def send(self, times: int = 1) -> None:
        for _ in range(times):
            await self.endpoint.send("capture", "/x", headers={})

    async def fail(self, times: int = 1) -> None:
        for _ in range(times):
            with pytest.raises((ProviderUnavailable, ProviderOutcomeUnknown)):
                await self.send()

    async def state(self) -> str:
        return (await self.circuits.look(URL)).state


@pytest.mark.parametrize(
    "error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadTimeout, httpx.ReadError]
)
async def test_an_endpoint_that_is_not_reached_or_silent_opens_it(
    error: type[httpx.TransportError],
) -> None:
    provider = Provider()
    provider.breaks(error)

    await provider.fail(times=4)

    assert await provider.state() == "open"


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_an_endpoint_in_trouble_opens_it(status: int) -> None:
    provider = Provider()
    provider.answers(status)

    await provider.fail(times=4)

    assert await provider.state() == "open"


@pytest.mark.parametrize("status", [200, 302, 400, 401, 404, 409, 422])
async def test_a_no_to_one_account_leaves_it_closed_for_all(status: int) -> None:
    provider = Provider()
    provider.answers(status)

    await provider.send(times=20)

    assert await provider.state() == "closed"


async def test_an_account_that_is_to_slow_down_says_nothing_about_the_others() -> None:
    provider = Provider()
    provider.answers(429)
    for _ in range(20):
        with pytest.raises(SlowDown) as slow:
            await provider.send()
        assert slow.value.retry_after_s == SLOW_DOWN_S

    provider.answers(503)
    await provider.fail(times=3)

    assert await provider.state() == "closed"


async def test_who_gives_up_says_nothing_about_the_endpoint() -> None:
    provider = Provider()
    provider.endpoint = HttpEndpoint(
        httpx.AsyncClient(transport=_Silent(), base_url=URL),
        deadline_s=60,
        circuit=CircuitBreaker(provider.circuits, URL, provider="PAYPAL"),
    )
    for _ in range(8):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await provider.send()

    assert await provider.state() == "closed"


class _Silent(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("cancelled before")


async def test_its_changes_are_counted_for_its_provider() -> None:
    def opened(provider: str) -> float:
        labels = {"provider": provider, "state": "open"}
        return REGISTRY.get_sample_value("gateway_circuit_changes_total", labels) or 0.0

    before = (opened("PAYPAL"), opened("PAGADITO"))
    provider = Provider()
    provider.answers(503)
    await provider.fail(times=4)

    assert (opened("PAYPAL"), opened("PAGADITO")) == (before[0] + 1, before[1])


async def test_open_it_sends_nothing_until_its_time_is_over() -> None:
    provider = Provider()
    provider.answers(503)
    await provider.fail(times=4)
    provider.now_s += 14
    with pytest.raises(CircuitOpen) as refused:
        await provider.send()
    assert (refused.value.retry_after_s, provider.requests) == (1, 4)

    provider.answers(200)
    provider.now_s += 1
    await provider.send(times=2)

    assert await provider.state() == "closed"


async def test_half_open_it_stays_open_for_all_but_the_probe() -> None:
    provider = Provider()
    provider.answers(503)
    await provider.fail(times=4)
    provider.now_s += 15
    await provider.circuits.admit(URL)

    with pytest.raises(CircuitOpen) as refused:
        await provider.send()

    assert refused.value.retry_after_s == PROBE_WAIT_S
    provider.now_s += POLICY.probe_lease_s
    provider.answers(200)
    await provider.send()


async def test_failures_count_for_a_minute() -> None:
    provider = Provider()
    provider.answers(503)
    await provider.fail(times=3)

    provider.now_s += 61
    await provider.fail(times=3)
    assert await provider.state() == "closed"
    provider.now_s += 49
    await provider.fail()

    assert await provider.state() == "open"


async def test_what_is_remembered_does_not_grow() -> None:
    provider = Provider()
    for _ in range(200):
        permit = await provider.circuits.admit(URL)
        await provider.circuits.record(URL, permit, Verdict.ANSWERED)
        provider.now_s += 5

    assert len(provider.circuits._circuits[URL].tallies) <= 6


async def test_opening_and_closing_are_logged_once_each() -> None:
    provider = Provider()
    provider.answers(503)
    with capture_logs() as logs:
        await provider.fail(times=4)
        provider.now_s += 15
        provider.answers(200)
        await provider.send(times=3)

    changes = [log["state"] for log in logs if log["event"] == "circuit.changed"]
    assert changes == ["open", "closed"]


def test_every_number_is_a_setting() -> None:
    settings = Settings.model_validate(
        {
            "circuit_window_s": 1,
            "circuit_calls_min": 2,
            "circuit_failure_rate": 0.3,
            "circuit_open_s": 4,
            "circuit_probes_max": 5,
        }
    )

    assert circuit_policy(settings) == CircuitPolicy(
        window_s=1, calls_min=2, failure_rate=0.3, open_s=4, probes_max=5
    )
