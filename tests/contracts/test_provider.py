"""What every provider owes us. Each adapter runs all of it, against its simulator over sockets.

So does the provider in memory that the unit tests use, in both of its ways to take money.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from payment_gateway.application.ports import (
    Absent,
    Approved,
    AwaitingPayer,
    CancelledByPayer,
    Captured,
    CheckoutOpened,
    CheckoutReference,
    CheckoutRequest,
    Declined,
    Provider,
    ProviderOutcomeUnknown,
    ProviderUnavailable,
    Refunded,
    RefundRefused,
    RefundRequest,
)
from payment_gateway.domain.errors import ExchangeRateNotSupported, InvalidValue, RefundNotSupported
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_details import PaymentDetailVO
from payment_gateway.infrastructure.providers.factory import open_provider_factory
from payment_gateway.infrastructure.providers.unavailable import AccountNotAccepted
from tests.contracts.provider_sandbox import (
    FakeSandbox,
    PagaditoSandbox,
    PayPalSandbox,
    Sandbox,
    settings_for,
    simulator,
)
from tests.fake_provider import FakeProvider

NOBODY_LISTENS = "http://127.0.0.1:1"
PRICE = PaymentAmountVO(7_75, "USD")
TOTAL = PaymentAmountVO(15_50, "USD")
ADAPTERS: dict[str, Callable[[httpx.AsyncClient], PayPalSandbox | PagaditoSandbox]] = {
    "paypal": PayPalSandbox,
    "pagadito": PagaditoSandbox,
}


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder: Path = tmp_path_factory.mktemp("providers")
    with (
        simulator("paypal", folder / "paypal") as paypal,
        simulator("pagadito", folder / "pagadito") as pagadito,
    ):
        yield {"paypal": paypal, "pagadito": pagadito}


@pytest.fixture(params=ADAPTERS)
async def account(
    request: pytest.FixtureRequest, urls: dict[str, str]
) -> AsyncIterator[PayPalSandbox | PagaditoSandbox]:
    async with httpx.AsyncClient(base_url=urls[request.param]) as http:
        made = ADAPTERS[request.param](http)
        await made.register()
        yield made
        await http.delete("/_control/faults")


@pytest.fixture(params=[*ADAPTERS, "in memory, on demand", "in memory, on approval"])
async def sandbox(request: pytest.FixtureRequest, urls: dict[str, str]) -> AsyncIterator[Sandbox]:
    if request.param not in ADAPTERS:
        yield FakeSandbox(FakeProvider(captures_on_approval=request.param.endswith("approval")))
        return
    async with httpx.AsyncClient(base_url=urls[request.param]) as http:
        made = ADAPTERS[request.param](http)
        await made.register()
        yield made
        await http.delete("/_control/faults")


@pytest.fixture
async def provider(sandbox: Sandbox, urls: dict[str, str]) -> AsyncIterator[Provider]:
    if isinstance(sandbox, FakeSandbox):
        yield sandbox.provider
        return
    assert isinstance(sandbox, PayPalSandbox | PagaditoSandbox)
    async with open_provider_factory(settings_for(**urls)) as factory:
        credentials = factory.parse_credentials(sandbox.provider_type, sandbox.credentials)
        yield factory.create(sandbox.provider_type, credentials)


def checkout_request(handle: str | None) -> CheckoutRequest:
    return CheckoutRequest(
        payment_id=str(uuid4()),
        attempt_id=str(uuid4()),
        reference_number=f"ERN-{uuid4().int}",
        handle=handle,
        amount=TOTAL,
        lines=(PaymentDetailVO(quantity=2, description="Tea <green>\n & more", price=PRICE),),
        allow_pending=False,
        return_url="https://gateway.test/checkout/return/any?payment_id=1",
        cancel_url="https://gateway.test/checkout/cancel/any?payment_id=1",
    )


def reference(request: CheckoutRequest, opened: CheckoutOpened | None) -> CheckoutReference:
    return CheckoutReference(
        payment_id=request.payment_id,
        provider_order_id=opened.provider_order_id if opened else None,
        handle=request.handle,
        amount=request.amount,
    )


async def open_checkout(provider: Provider) -> tuple[CheckoutOpened, CheckoutReference]:
    request = checkout_request(await provider.prepare("USD"))
    provider.check(request)
    opened = await provider.create_checkout(request)
    assert isinstance(opened, CheckoutOpened)
    return opened, reference(request, opened)


async def take_money(provider: Provider, sandbox: Sandbox) -> Captured:
    opened, checkout = await open_checkout(provider)
    await sandbox.approve(opened.checkout_url)
    outcome = await provider.capture(checkout, capture_id=str(uuid4()))
    assert isinstance(outcome, Captured)
    return outcome


def refund_request(captured: Captured, amount: PaymentAmountVO = TOTAL) -> RefundRequest:
    return RefundRequest(
        payment_id=str(uuid4()),
        refund_id=str(uuid4()),
        capture_reference=captured.reference,
        amount=amount,
        reason="changed\nmind",
    )


class TestCheckout:
    async def test_gives_a_page_and_waits_for_the_payer(self, provider: Provider) -> None:
        opened, checkout = await open_checkout(provider)

        assert opened.checkout_url.startswith("http")
        assert await provider.inquire(checkout) == AwaitingPayer()

    async def test_an_account_that_is_not_accepted_says_nothing_about_the_payment(
        self, account: PayPalSandbox | PagaditoSandbox, urls: dict[str, str]
    ) -> None:
        secret = "wsk" if "wsk" in account.credentials else "clientSecret"
        wrong = {**account.credentials, secret: "wrong"}
        async with open_provider_factory(settings_for(**urls)) as factory:
            credentials = factory.parse_credentials(account.provider_type, wrong)
            provider = factory.create(account.provider_type, credentials)

            with pytest.raises(AccountNotAccepted):
                await provider.create_checkout(checkout_request(await provider.prepare("USD")))

        assert await account.checkouts() == 0

    async def test_a_currency_it_does_not_take_is_refused_before_anything_is_sent(
        self, provider: Provider
    ) -> None:
        amount = PaymentAmountVO(100, "KWD")
        line = PaymentDetailVO(quantity=1, description="Tea", price=amount)

        with pytest.raises(InvalidValue) as refused:
            provider.check(replace(checkout_request(None), amount=amount, lines=(line,)))

        assert refused.value.param == "currency"

    async def test_a_request_that_never_arrived_leaves_nothing(
        self, provider: Provider, sandbox: Sandbox
    ) -> None:
        request = checkout_request(await provider.prepare("USD"))
        await sandbox.fault("create", "lost_before")

        with pytest.raises(ProviderOutcomeUnknown):
            await provider.create_checkout(request)

        assert await sandbox.checkouts() == 0
        if provider.capabilities.prepares:  # else the same attempt is made again, see below
            assert await provider.inquire(reference(request, None)) == Absent()

    async def test_a_lost_answer_never_makes_two_checkouts(
        self, provider: Provider, sandbox: Sandbox
    ) -> None:
        request = checkout_request(await provider.prepare("USD"))
        await sandbox.fault("create", "lost_after")
        with pytest.raises(ProviderOutcomeUnknown):
            await provider.create_checkout(request)

        if provider.capabilities.prepares:
            assert await provider.inquire(reference(request, None)) == AwaitingPayer()
            with pytest.raises(ProviderOutcomeUnknown):  # it did arrive: no failure, no second one
                await provider.create_checkout(request)
        else:
            assert isinstance(await provider.create_checkout(request), CheckoutOpened)

        assert await sandbox.checkouts() == 1

    async def test_an_error_page_is_no_answer(self, provider: Provider, sandbox: Sandbox) -> None:
        request = checkout_request(await provider.prepare("USD"))
        await sandbox.fault("create", "error_page")

        with pytest.raises(ProviderOutcomeUnknown):
            await provider.create_checkout(request)

    async def test_being_told_to_slow_down_means_nothing_happened(
        self, provider: Provider, sandbox: Sandbox
    ) -> None:
        request = checkout_request(await provider.prepare("USD"))
        await sandbox.fault("create", "slow_down")

        with pytest.raises(ProviderUnavailable):
            await provider.create_checkout(request)

        assert await sandbox.checkouts() == 0


class TestCapture:
    async def test_takes_what_was_approved_once(self, provider: Provider, sandbox: Sandbox) -> None:
        opened, checkout = await open_checkout(provider)
        await sandbox.approve(opened.checkout_url)

        first = await provider.capture(checkout, capture_id="one")
        again = await provider.capture(checkout, capture_id="one")
        later = await provider.capture(checkout, capture_id="another")

        assert isinstance(first, Captured)
        assert first.amount in {TOTAL, None}
        standing = await provider.inquire(checkout)
        assert isinstance(standing, Captured)
        assert first == again == later == replace(standing, refunded=None)
        assert await sandbox.movements() == ["15.50"]

    async def test_takes_it_once_though_called_ten_times_at_once(
        self, provider: Provider, sandbox: Sandbox
    ) -> None:
        opened, checkout = await open_checkout(provider)
        await sandbox.approve(opened.checkout_url)
        ids = ["one", "another"] * 5

        outcomes = await asyncio.gather(
            *(provider.capture(checkout, capture_id=capture_id) for capture_id in ids)
        )

        assert len(set(outcomes)) == 1
        assert isinstance(outcomes[0], Captured)
        assert await sandbox.movements() == ["15.50"]

    async def test_before_approval_nothing_is_taken_and_the_payer_can_still_pay(
        self, provider: Provider, sandbox: Sandbox
    ) -> None:
        opened, checkout = await open_checkout(provider)

        outcome = await provider.capture(checkout, capture_id=str(uuid4()))

        assert isinstance(outcome, Declined)
        assert outcome.recoverable
        await sandbox.approve(opened.checkout_url)
        assert isinstance(await provider.capture(checkout, capture_id=str(uuid4())), Captured)

    async def test_an_inquiry_after_approval_says_what_the_approval_did(
        self, provider: Provider, sandbox: Sandbox
    ) -> None:
        opened, checkout = await open_checkout(provider)
        await sandbox.approve(opened.checkout_url)

        standing = await provider.inquire(checkout)

        expected = Captured if provider.capabilities.captures_on_approval else Approved
        assert isinstance(standing, expected)

    async def test_a_payer_who_called_it_off_has_not_paid(
        self, provider: Provider, sandbox: Sandbox
    ) -> None:
        opened, checkout = await open_checkout(provider)
        await sandbox.call_off(opened.checkout_url)

        assert await provider.inquire(checkout) in {AwaitingPayer(), CancelledByPayer()}
        assert isinstance(await provider.capture(checkout, capture_id="one"), Declined)
        assert await sandbox.movements() == []

    async def test_a_lost_answer_is_unknown_and_the_same_id_again_finds_the_one_movement(
        self, provider: Provider, sandbox: Sandbox
    ) -> None:
        opened, checkout = await open_checkout(provider)
        await sandbox.approve(opened.checkout_url)
        await sandbox.fault("capture", "lost_after")
        with pytest.raises(ProviderOutcomeUnknown):
            await provider.capture(checkout, capture_id="one")

        assert isinstance(await provider.capture(checkout, capture_id="one"), Captured)
        assert await sandbox.movements() == ["15.50"]

    async def test_of_what_the_provider_never_heard_of_nothing_was_taken(
        self, provider: Provider, sandbox: Sandbox
    ) -> None:
        checkout = CheckoutReference(
            payment_id=str(uuid4()), provider_order_id="N0SUCH1D", handle=None, amount=TOTAL
        )

        outcome = await provider.capture(checkout, capture_id="one")

        assert isinstance(outcome, Declined)
        assert not outcome.recoverable


class TestRefund:
    async def test_of_the_whole_is_given_once_or_not_supported(
        self, provider: Provider, sandbox: Sandbox
    ) -> None:
        captured = await take_money(provider, sandbox)
        request = refund_request(captured)

        if not provider.capabilities.refund:
            with pytest.raises(RefundNotSupported):
                await provider.refund(request)
            return

        first = await provider.refund(request)

        assert isinstance(first, Refunded)
        assert await provider.refund(request) == first

    async def test_in_parts_up_to_the_whole_and_not_beyond(
        self, provider: Provider, sandbox: Sandbox
    ) -> None:
        if not provider.capabilities.refund:
            pytest.skip("this provider has no refunds")
        captured = await take_money(provider, sandbox)
        parts = [PaymentAmountVO(5_25, "USD"), PaymentAmountVO(10_25, "USD")]

        outcomes = [await provider.refund(refund_request(captured, part)) for part in parts]

        assert all(isinstance(outcome, Refunded) for outcome in outcomes)
        assert len(set(outcomes)) == 2

    async def test_more_than_is_left_is_refused(self, provider: Provider, sandbox: Sandbox) -> None:
        if not provider.capabilities.refund:
            pytest.skip("this provider has no refunds")
        captured = await take_money(provider, sandbox)
        await provider.refund(refund_request(captured, PaymentAmountVO(15_49, "USD")))

        outcome = await provider.refund(refund_request(captured, PaymentAmountVO(2, "USD")))

        assert isinstance(outcome, RefundRefused)


class TestExchangeRate:
    async def test_is_a_positive_number_or_not_supported(
        self, provider: Provider, sandbox: Sandbox
    ) -> None:
        if not provider.capabilities.exchange_rate:
            with pytest.raises(ExchangeRateNotSupported):
                await provider.exchange_rate("USD")
            return

        assert await provider.exchange_rate("USD") == 1
        assert str(await provider.exchange_rate("GTQ")) == "7.70"
        # To be told a rate opens no checkout and moves nothing.
        assert await sandbox.checkouts() == 0


class TestOutOfReach:
    async def test_nobody_listening_means_nothing_happened(
        self, account: PayPalSandbox | PagaditoSandbox
    ) -> None:
        settings = settings_for(paypal=NOBODY_LISTENS, pagadito=NOBODY_LISTENS)
        async with open_provider_factory(settings) as factory:
            credentials = factory.parse_credentials(account.provider_type, account.credentials)
            provider = factory.create(account.provider_type, credentials)
            request = checkout_request("handle")
            checkout = CheckoutReference(
                payment_id="p", provider_order_id="X1", handle="handle", amount=TOTAL
            )

            with pytest.raises(ProviderUnavailable):
                await provider.create_checkout(request)
            with pytest.raises(ProviderUnavailable):
                await provider.inquire(checkout)
            with pytest.raises(ProviderUnavailable):
                await provider.capture(checkout, capture_id="one")
            if provider.capabilities.exchange_rate:
                with pytest.raises(ProviderUnavailable):
                    await provider.exchange_rate("USD")
