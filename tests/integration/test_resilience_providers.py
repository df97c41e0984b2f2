"""Providers in trouble, over real sockets: the gateway's processes, Valkey and simulated providers."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from payment_gateway.application.ports import (
    CheckoutOpened,
    CheckoutReference,
    CheckoutRequest,
    Provider,
    ProviderOutcomeUnknown,
    ProviderReport,
    ProviderUnavailable,
    Refunded,
    RefundRequest,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_details import PaymentDetailVO
from payment_gateway.infrastructure.cache import Cache, open_cache
from payment_gateway.infrastructure.providers.unavailable import BulkheadFull, CircuitOpen
from payment_gateway.infrastructure.resilience.guarded_providers import (
    GuardedProviders,
    open_guarded_providers,
)
from payment_gateway.infrastructure.security.envelope import MasterKey
from payment_gateway.settings import Settings
from sandbox.ports import free_port
from tests.contracts.provider_sandbox import (
    PagaditoSandbox,
    PayPalSandbox,
    script_fault,
    simulator,
)
from tests.valkey_fixture import redis, valkey_url

__all__ = ["redis", "valkey_url"]

DEADLINE_S = 20.0
PRICE = PaymentAmountVO(10_00, "USD")
CALLS_MIN = 5


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder: Path = tmp_path_factory.mktemp("providers")
    with (
        simulator("paypal", folder / "paypal") as paypal,
        simulator("pagadito", folder / "pagadito") as pagadito,
    ):
        yield {"paypal_base_url": paypal, "pagadito_base_url": pagadito}


@pytest.fixture
async def paypal(urls: dict[str, str]) -> AsyncIterator[PayPalSandbox]:
    async with httpx.AsyncClient(base_url=urls["paypal_base_url"]) as http:
        sandbox = PayPalSandbox(http)
        await sandbox.register()
        yield sandbox
        await http.delete("/_control/faults")


@pytest.fixture
async def pagadito(urls: dict[str, str]) -> AsyncIterator[PagaditoSandbox]:
    async with httpx.AsyncClient(base_url=urls["pagadito_base_url"]) as http:
        sandbox = PagaditoSandbox(http)
        await sandbox.register()
        yield sandbox


@pytest.fixture(params=["with Redis", "Redis away", "without Redis"])
def redis_setting(request: pytest.FixtureRequest, valkey_url: str) -> dict[str, str]:
    match request.param:
        case "with Redis":
            return {"redis_url": valkey_url}
        case "Redis away":
            return {"redis_url": f"redis://127.0.0.1:{free_port()}/0"}
        case _:
            return {}


@asynccontextmanager
async def process(urls: dict[str, str], **more: object) -> AsyncIterator[GuardedProviders]:
    """Run providers as a process of the gateway has them."""
    limits = {
        "circuit_calls_min": CALLS_MIN,
        "circuit_open_s": 0.3,
        "provider_connect_timeout_s": 2,
        "provider_read_timeout_s": 5,
    }
    settings = Settings.model_validate({**urls, **limits, **more})
    async with open_cache(settings) as client:
        cache = None if client is None else Cache(client, installation="tests")
        async with open_guarded_providers(
            settings, cache=cache, master=MasterKey(b"k" * 32)
        ) as opened:
            yield opened


def account(opened: GuardedProviders, sandbox: PayPalSandbox | PagaditoSandbox) -> Provider:
    credentials = opened.factory.parse_credentials(sandbox.provider_type, sandbox.credentials)
    return opened.factory.create(sandbox.provider_type, credentials, tenant_id=tenant(sandbox))


def tenant(sandbox: PayPalSandbox | PagaditoSandbox) -> str:
    return sandbox.client_id if isinstance(sandbox, PayPalSandbox) else sandbox.uid


async def report(opened: GuardedProviders, sandbox: PayPalSandbox) -> ProviderReport:
    return await opened.health.report("PAYPAL", tenant_id=tenant(sandbox), sandbox=True)


async def checkout_request(provider: Provider) -> CheckoutRequest:
    return CheckoutRequest(
        payment_id=str(uuid4()),
        attempt_id=str(uuid4()),
        reference_number=f"ERN-{uuid4().int}",
        handle=await provider.prepare("USD"),
        amount=PRICE,
        lines=(PaymentDetailVO(quantity=1, description="Tea", price=PRICE),),
        allow_pending=False,
        return_url="https://gateway.test/return",
        cancel_url="https://gateway.test/cancel",
    )


async def buy(provider: Provider) -> CheckoutOpened:
    outcome = await provider.create_checkout(await checkout_request(provider))
    assert isinstance(outcome, CheckoutOpened)
    return outcome


def reference_of(opened: CheckoutOpened) -> CheckoutReference:
    return CheckoutReference(
        payment_id="p",
        provider_order_id=opened.provider_order_id,
        handle=None,
        amount=PRICE,
    )


async def trouble(paypal: PayPalSandbox, provider: Provider) -> None:
    """Have so many checkouts fail that the circuit opens."""
    await script_fault(paypal.http, "create_order", "status", status=503, times=50)
    for _ in range(2 * CALLS_MIN):
        try:
            await buy(provider)
        except CircuitOpen:
            return
        except ProviderOutcomeUnknown:
            continue
    pytest.fail("the circuit did not open")


class TestCircuit:
    async def test_opens_lets_the_other_provider_be_and_closes_again(
        self,
        paypal: PayPalSandbox,
        pagadito: PagaditoSandbox,
        urls: dict[str, str],
        redis_setting: dict[str, str],
    ) -> None:
        async with process(urls, **redis_setting) as opened:
            provider = account(opened, paypal)
            bought = await buy(provider)
            await trouble(paypal, provider)

            sent_before = await paypal.checkouts()
            with pytest.raises(ProviderUnavailable) as refused:
                await provider.inquire(reference_of(bought))
            assert refused.value.retry_after_s is not None
            assert await paypal.checkouts() == sent_before
            assert (await report(opened, paypal)).circuit.state == "open"
            await buy(account(opened, pagadito))

            await paypal.http.delete("/_control/faults")
            await _until_closed(opened, paypal, provider)
            await buy(provider)

    async def test_of_one_process_is_that_of_all(
        self, paypal: PayPalSandbox, urls: dict[str, str], valkey_url: str
    ) -> None:
        shared = {"redis_url": valkey_url, "circuit_open_s": 2}
        async with process(urls, **shared) as one, process(urls, **shared) as another:
            await buy(account(another, paypal))
            await trouble(paypal, account(one, paypal))

            with pytest.raises(CircuitOpen):
                await buy(account(another, paypal))
            await paypal.http.delete("/_control/faults")
            await _until_closed(another, paypal, account(another, paypal))
            await buy(account(one, paypal))

    async def test_is_not_opened_by_an_account_that_paypal_refuses(
        self, paypal: PayPalSandbox, urls: dict[str, str]
    ) -> None:
        async with process(urls) as opened:
            bought = await buy(account(opened, paypal))
            wrong = {**paypal.credentials, "clientSecret": "wrong"}
            credentials = opened.factory.parse_credentials("PAYPAL", wrong)
            stranger = opened.factory.create("PAYPAL", credentials, tenant_id="stranger")
            for _ in range(3 * CALLS_MIN):
                with pytest.raises(ProviderUnavailable, match="invalid_client"):
                    await stranger.capture(reference_of(bought), capture_id="c")

            assert (await report(opened, paypal)).circuit.state == "closed"
            await buy(account(opened, paypal))


async def _until_closed(
    opened: GuardedProviders, paypal: PayPalSandbox, provider: Provider
) -> None:
    """Keep buying, as shops do, until the probes have closed the circuit."""
    deadline = time.monotonic() + DEADLINE_S
    while (await report(opened, paypal)).circuit.state != "closed":
        assert time.monotonic() < deadline, "the circuit did not close in time"
        try:
            await buy(provider)
        except CircuitOpen:
            await asyncio.sleep(0.02)


class TestBulkhead:
    async def test_a_slow_provider_takes_no_place_of_another(
        self, paypal: PayPalSandbox, pagadito: PagaditoSandbox, urls: dict[str, str]
    ) -> None:
        narrow = {
            "provider_calls_max": 2,
            "provider_calls_waiting_max": 1,
            "provider_place_timeout_s": 0.05,
        }
        async with process(urls, **narrow) as opened:
            provider = account(opened, paypal)
            await buy(provider)
            await script_fault(paypal.http, "create_order", "delay_before", delayMs=1000, times=50)
            started = time.monotonic()
            asked = [asyncio.create_task(buy(provider)) for _ in range(10)]
            outcomes = asyncio.gather(*asked, return_exceptions=True)

            await buy(account(opened, pagadito))
            assert time.monotonic() - started < 1, "Pagadito had to wait for PayPal"

            got = [type(outcome) for outcome in await outcomes]
            assert sorted(kind.__name__ for kind in got) == sorted(
                ["CheckoutOpened"] * 2 + [BulkheadFull.__name__] * 8
            )


class TestRetries:
    async def test_told_to_wait_a_second_it_waits_and_succeeds(
        self, paypal: PayPalSandbox, urls: dict[str, str]
    ) -> None:
        async with process(urls) as opened:
            fault = {"status": 429, "retryAfterS": 1}
            await script_fault(paypal.http, "create_order", "status", **fault)
            started = time.monotonic()

            await buy(account(opened, paypal))

            assert time.monotonic() - started >= 1
            assert await paypal.checkouts() == 1

    async def test_told_to_wait_too_long_it_says_so_at_once(
        self, paypal: PayPalSandbox, urls: dict[str, str]
    ) -> None:
        async with process(urls) as opened:
            fault = {"status": 429, "retryAfterS": 60}
            await script_fault(paypal.http, "create_order", "status", **fault)

            with pytest.raises(ProviderUnavailable) as slow:
                await buy(account(opened, paypal))

            assert slow.value.retry_after_s == 60
            assert await paypal.checkouts() == 0

    async def test_what_may_have_arrived_is_not_sent_again(
        self, paypal: PayPalSandbox, urls: dict[str, str]
    ) -> None:
        async with process(urls) as opened:
            provider = account(opened, paypal)
            bought = await buy(provider)
            await paypal.approve(bought.checkout_url)
            await script_fault(paypal.http, "capture", "drop_after", times=1)

            with pytest.raises(ProviderOutcomeUnknown):
                await provider.capture(reference_of(bought), capture_id="one")

            assert await paypal.movements() == ["10.00"]
            captured = await provider.capture(reference_of(bought), capture_id="one")
            assert await paypal.movements() == ["10.00"]
            reference = getattr(captured, "reference", "")
            refund = RefundRequest(
                payment_id="p",
                refund_id="r",
                capture_reference=reference,
                amount=PRICE,
                reason=None,
            )
            assert isinstance(await provider.refund(refund), Refunded)

    async def test_nobody_listening_is_given_up_in_a_moment(
        self, paypal: PayPalSandbox, urls: dict[str, str]
    ) -> None:
        async with process({"paypal_base_url": f"http://127.0.0.1:{free_port()}"}) as opened:
            started = time.monotonic()

            with pytest.raises(ProviderUnavailable):
                await buy(account(opened, paypal))

            assert time.monotonic() - started < 5
            seen = await report(opened, paypal)
            assert (seen.last_hour.calls, seen.last_hour.success_rate) == (3, 0.0)


async def test_the_report_counts_calls_of_all_processes_for_each_tenant_alone(
    paypal: PayPalSandbox, urls: dict[str, str], valkey_url: str
) -> None:
    async with (
        process(urls, redis_url=valkey_url) as one,
        process(urls, redis_url=valkey_url) as another,
    ):
        await buy(account(one, paypal))
        await buy(account(another, paypal))
        await script_fault(paypal.http, "create_order", "status", status=503)
        with pytest.raises(ProviderOutcomeUnknown):
            await buy(account(one, paypal))

        seen = await report(another, paypal)
        rival = await another.health.report("PAYPAL", tenant_id="rival", sandbox=True)

    assert (seen.last_hour.calls, seen.last_hour.success_rate) == (3, 0.6667)
    assert seen.last_hour.latency_ms_p95 is not None
    assert seen.last_failure is not None
    assert seen.last_failure.reason == "create_order: 503"
    assert rival.last_hour.calls == 0
