"""The adapters over real sockets: what only one provider does, to the cent."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from structlog.testing import capture_logs

from payment_gateway.application.ports import (
    Approved,
    Captured,
    CheckoutOpened,
    CheckoutReference,
    CheckoutRequest,
    Declined,
    Expired,
    Held,
    Provider,
    ProviderOutcomeUnknown,
    ProviderUnavailable,
    Refunded,
    RefundRequest,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_details import PaymentDetailVO
from payment_gateway.infrastructure.providers.factory import open_provider_factory
from tests.contracts.provider_sandbox import (
    PagaditoSandbox,
    PayPalSandbox,
    script_fault,
    settings_for,
    simulator,
)

AFTER_EVERY_VALIDITY_S = 10 * 3600  # of orders and of access tokens
TOKENS_BEGIN_WITH = "A21AA"  # PayPal's access tokens, and the simulator's


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder: Path = tmp_path_factory.mktemp("providers")
    with (
        simulator("paypal", folder / "paypal") as paypal,
        simulator("pagadito", folder / "pagadito") as pagadito,
    ):
        yield {"paypal": paypal, "pagadito": pagadito}


@pytest.fixture
async def paypal(urls: dict[str, str]) -> AsyncIterator[PayPalSandbox]:
    async with httpx.AsyncClient(base_url=urls["paypal"]) as http:
        sandbox = PayPalSandbox(http)
        await sandbox.register()
        yield sandbox


@pytest.fixture
async def pagadito(urls: dict[str, str]) -> AsyncIterator[PagaditoSandbox]:
    async with httpx.AsyncClient(base_url=urls["pagadito"]) as http:
        sandbox = PagaditoSandbox(http)
        await sandbox.register()
        yield sandbox


@asynccontextmanager
async def account(
    sandbox: PayPalSandbox | PagaditoSandbox, urls: dict[str, str]
) -> AsyncIterator[Provider]:
    async with open_provider_factory(settings_for(**urls)) as factory:
        credentials = factory.parse_credentials(sandbox.provider_type, sandbox.credentials)
        yield factory.create(sandbox.provider_type, credentials)


async def open_checkout(
    provider: Provider, *lines: PaymentDetailVO, allow_pending: bool = False
) -> tuple[CheckoutOpened, CheckoutReference]:
    amount = PaymentAmountVO(0, lines[0].price.currency)
    for line in lines:
        amount += line.total
    request = CheckoutRequest(
        payment_id=str(uuid4()),
        attempt_id=str(uuid4()),
        reference_number=f"ERN-{uuid4().int}",
        handle=await provider.prepare("USD"),
        amount=amount,
        lines=lines,
        allow_pending=allow_pending,
        return_url="https://gateway.test/return",
        cancel_url="https://gateway.test/cancel",
    )
    provider.check(request)
    opened = await provider.create_checkout(request)
    assert isinstance(opened, CheckoutOpened)
    reference = CheckoutReference(
        payment_id=request.payment_id,
        provider_order_id=opened.provider_order_id,
        handle=request.handle,
        amount=amount,
    )
    return opened, reference


def line(minor: int, currency: str = "USD", quantity: int = 1) -> PaymentDetailVO:
    price = PaymentAmountVO(minor, currency)
    return PaymentDetailVO(quantity=quantity, description='Tea & "more"', price=price)


class TestPayPal:
    async def test_an_instrument_that_is_declined_can_be_replaced(
        self, paypal: PayPalSandbox, urls: dict[str, str]
    ) -> None:
        async with account(paypal, urls) as provider:
            opened, checkout = await open_checkout(provider, line(10_00))
            await paypal.approve(opened.checkout_url, funding="declined")

            first = await provider.capture(checkout, capture_id="first")
            await paypal.approve(opened.checkout_url, funding="instant")
            second = await provider.capture(checkout, capture_id="second")

        assert first == Declined(reason="INSTRUMENT_DECLINED", recoverable=True)
        assert isinstance(second, Captured)
        assert await paypal.movements() == ["10.00"]

    @pytest.mark.parametrize(("end", "outcome"), [("COMPLETED", Captured), ("DECLINED", Declined)])
    async def test_a_capture_in_review_is_held_until_it_ends(
        self, paypal: PayPalSandbox, urls: dict[str, str], end: str, outcome: type
    ) -> None:
        async with account(paypal, urls) as provider:
            opened, checkout = await open_checkout(provider, line(10_00), allow_pending=True)
            await paypal.approve(opened.checkout_url, funding="review")

            held = await provider.capture(checkout, capture_id="one")
            assert isinstance(held, Held)
            assert held.reason == "PENDING_REVIEW"
            path = f"/_control/captures/{held.reference}/settle"
            (await paypal.http.post(path, json={"status": end})).raise_for_status()

            assert isinstance(await provider.inquire(checkout), outcome)

    @pytest.mark.parametrize(
        ("lines", "total"),
        [
            ((line(1, quantity=3), line(19_99, quantity=7)), "139.96"),
            ((line(1000, "JPY"), line(333, "JPY", 3)), "1999"),
            ((line(10_00, "HUF", 3),), "30"),
            ((line(10, "EUR"), line(20, "EUR")), "0.30"),
        ],
    )
    async def test_amounts_arrive_to_the_cent(
        self,
        paypal: PayPalSandbox,
        urls: dict[str, str],
        lines: tuple[PaymentDetailVO, ...],
        total: str,
    ) -> None:
        async with account(paypal, urls) as provider:
            opened, checkout = await open_checkout(provider, *lines)
            await paypal.approve(opened.checkout_url)

            outcome = await provider.capture(checkout, capture_id="one")

        assert isinstance(outcome, Captured)
        assert outcome.amount == checkout.amount
        assert await paypal.movements() == [total]

    async def test_a_lost_refund_sent_again_gives_back_once(
        self, paypal: PayPalSandbox, urls: dict[str, str]
    ) -> None:
        async with account(paypal, urls) as provider:
            opened, checkout = await open_checkout(provider, line(10_00))
            await paypal.approve(opened.checkout_url)
            captured = await provider.capture(checkout, capture_id="one")
            assert isinstance(captured, Captured)
            refund = RefundRequest(
                payment_id="p",
                refund_id=str(uuid4()),
                capture_reference=captured.reference,
                amount=PaymentAmountVO(2_50, "USD"),
                reason=None,
            )
            await script_fault(paypal.http, "refund", "drop_after")
            with pytest.raises(ProviderOutcomeUnknown):
                await provider.refund(refund)

            outcomes = await asyncio.gather(*(provider.refund(refund) for _ in range(5)))

        assert len(set(outcomes)) == 1
        assert isinstance(outcomes[0], Refunded)
        refunds = await paypal.ledger("refunds")
        assert [Decimal(entry["amount"]) for entry in refunds] == [Decimal("2.50")]
        assert await provider_sees(captured, paypal) == "2.50"

    async def test_after_ten_hours_the_order_has_expired_and_the_token_is_renewed(
        self, tmp_path: Path
    ) -> None:
        with simulator("paypal", tmp_path) as url:
            async with httpx.AsyncClient(base_url=url) as http:
                sandbox = PayPalSandbox(http)
                await sandbox.register()
                async with account(sandbox, {"paypal": url}) as provider:
                    opened, checkout = await open_checkout(provider, line(10_00))
                    await sandbox.approve(opened.checkout_url)
                    assert await provider.inquire(checkout) == Approved()

                    advance = {"advanceSeconds": AFTER_EVERY_VALIDITY_S}
                    (await http.post("/_control/clock", json=advance)).raise_for_status()

                    assert await provider.inquire(checkout) == Expired()
                    outcome = await provider.capture(checkout, capture_id="one")
                    assert outcome == Declined(reason="INVALID_RESOURCE_ID", recoverable=False)

    async def test_a_new_secret_opens_the_account_and_the_old_one_no_longer(
        self, paypal: PayPalSandbox, urls: dict[str, str]
    ) -> None:
        async with open_provider_factory(settings_for(**urls)) as factory:
            old = factory.create("PAYPAL", factory.parse_credentials("PAYPAL", paypal.credentials))
            opened, checkout = await open_checkout(old, line(10_00))
            await paypal.approve(opened.checkout_url)
            wrong = paypal.credentials | {"clientSecret": "guess"}
            paypal.credentials["clientSecret"] = "rotated"
            await paypal.register()
            new = factory.create("PAYPAL", factory.parse_credentials("PAYPAL", paypal.credentials))
            guessed = factory.create("PAYPAL", factory.parse_credentials("PAYPAL", wrong))

            with pytest.raises(ProviderUnavailable):
                await guessed.capture(checkout, capture_id="one")
            assert isinstance(await new.capture(checkout, capture_id="one"), Captured)


class TestPagadito:
    @pytest.mark.parametrize(("end", "outcome"), [("COMPLETED", Captured), ("REVOKED", Declined)])
    async def test_a_payment_under_verification_is_held_until_it_ends(
        self, pagadito: PagaditoSandbox, urls: dict[str, str], end: str, outcome: type
    ) -> None:
        async with account(pagadito, urls) as provider:
            opened, checkout = await open_checkout(provider, line(10_00), allow_pending=True)
            await pagadito.approve(opened.checkout_url, action="hold")

            held = await provider.capture(checkout, capture_id="one")
            assert isinstance(held, Held)
            path = f"/_control/transactions/{opened.provider_order_id}/settle"
            (await pagadito.http.post(path, json={"status": end})).raise_for_status()

            assert isinstance(await provider.inquire(checkout), outcome)

    async def test_a_declined_payment_is_final(
        self, pagadito: PagaditoSandbox, urls: dict[str, str]
    ) -> None:
        async with account(pagadito, urls) as provider:
            opened, checkout = await open_checkout(provider, line(10_00))
            await pagadito.approve(opened.checkout_url, action="decline")

            standing = await provider.inquire(checkout)

        assert standing == Declined(reason="FAILED", recoverable=False)

    @pytest.mark.parametrize(
        ("lines", "total"),
        [
            ((line(1, quantity=3), line(19_99, quantity=7)), "139.96"),
            ((line(100_10, "HNL", 3),), "300.30"),
            ((line(333_33, "GTQ", 3),), "999.99"),
        ],
    )
    async def test_amounts_arrive_to_the_cent(
        self,
        pagadito: PagaditoSandbox,
        urls: dict[str, str],
        lines: tuple[PaymentDetailVO, ...],
        total: str,
    ) -> None:
        async with account(pagadito, urls) as provider:
            opened, _ = await open_checkout(provider, *lines)
            await pagadito.approve(opened.checkout_url)

        assert await pagadito.movements() == [total]


class TestSecrets:
    async def test_no_secret_and_no_token_reaches_a_log_or_a_reason(
        self, paypal: PayPalSandbox, urls: dict[str, str], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        paypal.credentials["clientSecret"] = "not-to-be-seen"
        await paypal.register()
        reasons: list[str] = []
        with capture_logs() as logs:
            async with account(paypal, urls) as provider:
                _, checkout = await open_checkout(provider, line(10_00))
                for kind in ("drop_after", "status"):
                    await script_fault(paypal.http, "get_order", kind)
                    with pytest.raises(ProviderOutcomeUnknown) as unknown:
                        await provider.inquire(checkout)
                    reasons.append(f"{unknown.value!r} {unknown.value.__cause__!r}")
        written = f"{logs} {caplog.text} {reasons}"

        assert "provider.answered" in written
        for secret in ("not-to-be-seen", "Bearer", "Basic ", TOKENS_BEGIN_WITH):
            assert secret not in written


async def provider_sees(captured: Captured, paypal: PayPalSandbox) -> str:
    [capture] = [
        entry for entry in await paypal.ledger("captures") if entry["id"] == captured.reference
    ]
    return capture["refunded"]
