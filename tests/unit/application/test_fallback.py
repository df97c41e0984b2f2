"""Another provider is asked only once it is proven, and recorded, that those before hold nothing."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from payment_gateway.application.commands.next_attempt import ATTEMPTS_MAX
from payment_gateway.application.commands.recover_payment import INTENT_AGE_MIN
from payment_gateway.application.ports import Provider
from payment_gateway.application.services.credential_service import CredentialService
from payment_gateway.domain.errors import (
    InvalidValue,
    PaymentFailedError,
    PaymentNotApproved,
    ProviderUnavailableError,
)
from payment_gateway.domain.events.payment import (
    ProviderAttemptFailedEvent,
    ProviderAttemptStartedEvent,
)
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from tests.unit.application.gateway_fixture import Shop
from tests.unit.application.steps import complete, recover
from tests.unit.application.test_crashes import Crash, crash_at_append, heal

PAYMENT = PaymentIdVO.of(ExternalReferenceNumberVO("ERN-1"))
STARTED, FAILED = "ProviderAttemptStarted", "ProviderAttemptFailed"
FELL_BACK = ["PaymentInitiated", STARTED, FAILED, STARTED, "CheckoutCreated"]


async def failures(shop: Shop) -> list[tuple[str, str]]:
    """Return who was given up in turn, and by which proof."""
    recorded = (await shop.store.read(f"payment-{PAYMENT}")).events
    return [
        (stored.event.provider, stored.event.proof)
        for stored in recorded
        if isinstance(stored.event, ProviderAttemptFailedEvent)
    ]


async def wait_out(shop: Shop) -> None:
    """Let the recovery look once whoever was at work must be done; it looks again if it has to."""
    shop.later(seconds=INTENT_AGE_MIN.total_seconds() + 1)
    with suppress(ProviderUnavailableError):
        await recover(shop, PAYMENT)


class TestFallback:
    @pytest.mark.parametrize("fault", ["not_sent", "refused"])
    @pytest.mark.parametrize("first", ["PAYPAL", "PAGADITO"])
    async def test_takes_the_payment_where_the_first_provider_holds_nothing(
        self, shop: Shop, first: str, fault: Any
    ) -> None:
        second = {"PAYPAL": "PAGADITO", "PAGADITO": "PAYPAL"}[first]
        for provider in (shop.provider, shop.direct):
            provider.fail("create", *([fault] if provider is by_name(shop, first) else []))
        payment = (await shop.initiate(first, second)).state
        assert (payment.status, payment.provider) == (PaymentStatusVO.AWAITING_PAYER, second)
        assert await shop.history(PAYMENT) == FELL_BACK
        assert await failures(shop) == [(first, fault)]
        assert len(shop.provider.orders) + len(shop.direct.orders) == 1

    async def test_the_same_request_again_finds_the_fallbacks_checkout(self, shop: Shop) -> None:
        shop.provider.fail("create", "refused")
        first = await shop.initiate("PAYPAL", "PAGADITO")
        assert (await shop.initiate("PAYPAL", "PAGADITO")).state == first.state
        assert shop.direct.calls == ["prepare", "create"]

    async def test_a_provider_that_cannot_even_prepare_is_passed_over(self, shop: Shop) -> None:
        shop.direct.fail("prepare", "not_sent")
        payment = (await shop.initiate("PAGADITO", "PAYPAL")).state
        assert payment.provider == "PAYPAL"
        assert await failures(shop) == [("PAGADITO", "not_sent")]

    async def test_a_provider_without_an_account_is_passed_over(self, shop: Shop) -> None:
        shop.provider.fail("create", "not_sent")
        payment = (await shop.initiate("PAYPAL", "SPARE", "PAGADITO")).state
        assert payment.provider == "PAGADITO"
        assert await failures(shop) == [("PAYPAL", "not_sent"), ("SPARE", "not_asked")]

    async def test_a_provider_that_does_not_take_the_currency_is_passed_over(
        self, shop: Shop
    ) -> None:
        await shop.open_account("SPARE")
        shop.spare.currencies = frozenset({"EUR"})
        shop.provider.fail("create", "refused")
        payment = (await shop.initiate("PAYPAL", "SPARE", "PAGADITO")).state
        assert payment.provider == "PAGADITO"
        assert shop.spare.calls == []

    async def test_a_provider_that_the_tenant_has_disabled_is_passed_over(self, shop: Shop) -> None:
        await shop.open_account("SPARE")
        await shop.gateway.providers.disable("SPARE", shop.context, reason=None)
        shop.provider.fail("create", "refused")
        payment = (await shop.initiate("PAYPAL", "SPARE", "PAGADITO")).state
        assert payment.provider == "PAGADITO"
        assert shop.spare.calls == []

    async def test_the_tenants_order_counts_where_the_caller_names_none(self, shop: Shop) -> None:
        await shop.gateway.providers.configure(
            "PAYPAL", shop.context, currencies=None, fallback_providers=("PAGADITO",)
        )
        shop.provider.fail("create", "not_sent")
        assert (await shop.initiate("PAYPAL")).state.provider == "PAGADITO"

    async def test_the_payer_pays_at_the_provider_that_has_the_checkout(self, shop: Shop) -> None:
        shop.provider.fail("create", "not_sent")
        payment = (await shop.initiate("PAYPAL", "PAGADITO")).state
        assert payment.checkout is not None
        shop.direct.approve(payment.checkout.provider_order_id)
        with pytest.raises(InvalidValue):
            await complete(shop, PAYMENT, "PAYPAL")
        done = await complete(shop, PAYMENT, "PAGADITO")
        assert done.state.status is PaymentStatusVO.COMPLETED
        assert shop.provider.captured_minor + shop.direct.captured_minor == 19_99

    @pytest.mark.parametrize("fault", ["not_sent", "refused"])
    async def test_many_at_once_make_one_checkout(self, shop: Shop, fault: Any) -> None:
        shop.provider.fail("create", fault)
        await asyncio.gather(
            *(shop.initiate("PAYPAL", "PAGADITO") for _ in range(20)), return_exceptions=True
        )
        assert (await shop.payment(PAYMENT)).status is PaymentStatusVO.AWAITING_PAYER
        assert len(shop.provider.orders) + len(shop.direct.orders) == 1


class TestAccount:
    async def test_each_attempt_is_kept_with_the_credentials_it_is_made_with(
        self, shop: Shop
    ) -> None:
        await shop.gateway.credentials.save("PAGADITO", {"secret": "newer"}, shop.context)
        shop.provider.fail("create", "refused")
        await shop.initiate("PAYPAL", "PAGADITO")
        recorded = (await shop.store.read(f"payment-{PAYMENT}")).events
        versions = [
            (stored.event.provider, stored.event.credential_version)
            for stored in recorded
            if isinstance(stored.event, ProviderAttemptStartedEvent)
        ]
        assert versions == [("PAYPAL", 1), ("PAGADITO", 2)]

    async def test_it_is_asked_about_with_those(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await shop.initiate()
        await shop.gateway.credentials.save("PAYPAL", {"secret": "newer"}, shop.context)
        asked: list[int | None] = []
        real = CredentialService.open

        async def opened(
            service: CredentialService, provider: str, *, tenant_id: str, version: int | None = None
        ) -> Provider:
            asked.append(version)
            return await real(service, provider, tenant_id=tenant_id, version=version)

        monkeypatch.setattr(CredentialService, "open", opened)
        with pytest.raises(PaymentNotApproved):
            await complete(shop, PAYMENT)
        assert asked == [1]


class TestNobodyLeft:
    async def test_a_payment_that_all_refuse_has_failed(self, shop: Shop) -> None:
        shop.provider.fail("create", "refused")
        shop.direct.fail("create", "refused")
        for _ in range(2):
            with pytest.raises(PaymentFailedError):
                await shop.initiate("PAYPAL", "PAGADITO")
        assert await shop.history(PAYMENT) == [*FELL_BACK[:4], FAILED, "PaymentFailed"]

    async def test_a_refusal_and_a_fallback_without_an_account_end_it(self, shop: Shop) -> None:
        shop.provider.fail("create", "refused")
        with pytest.raises(PaymentFailedError):
            await shop.initiate("PAYPAL", "SPARE")

    async def test_the_same_request_begins_again_with_whoever_was_not_reached(
        self, shop: Shop
    ) -> None:
        shop.provider.fail("create", "not_sent")
        shop.direct.fail("create", "refused")
        with pytest.raises(ProviderUnavailableError):
            await shop.initiate("PAYPAL", "PAGADITO")
        payment = (await shop.initiate("PAYPAL", "PAGADITO")).state
        assert (payment.status, payment.provider) == (PaymentStatusVO.AWAITING_PAYER, "PAYPAL")
        assert payment.attempts == 3

    async def test_attempts_come_to_an_end(self, shop: Shop) -> None:
        for _ in range(ATTEMPTS_MAX + 3):
            shop.provider.fail("create", "not_sent")
            with pytest.raises(ProviderUnavailableError):
                await shop.initiate()
        assert shop.provider.calls == ["create"] * ATTEMPTS_MAX


class TestDoubt:
    @pytest.mark.parametrize("first", ["PAYPAL", "PAGADITO"])
    @pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
    async def test_a_lost_answer_is_no_proof(self, shop: Shop, first: str, fault: Any) -> None:
        second = {"PAYPAL": "PAGADITO", "PAGADITO": "PAYPAL"}[first]
        by_name(shop, first).fail("create", fault)
        for _ in range(2):
            in_doubt = (await shop.initiate(first, second)).state
            assert (in_doubt.status, in_doubt.provider) == (PaymentStatusVO.UNKNOWN, first)
        assert by_name(shop, second).calls == []

    async def test_recovery_goes_on_once_the_provider_has_never_heard_of_it(
        self, shop: Shop
    ) -> None:
        shop.direct.fail("create", "lost_before")
        await shop.initiate("PAGADITO", "PAYPAL")
        payment = (await recover(shop, PAYMENT)).state
        assert (payment.status, payment.provider) == (PaymentStatusVO.AWAITING_PAYER, "PAYPAL")
        assert await failures(shop) == [("PAGADITO", "absent")]

    async def test_recovery_goes_on_once_the_page_nobody_saw_has_lapsed(self, shop: Shop) -> None:
        shop.direct.fail("create", "lost_after")
        await shop.initiate("PAGADITO", "PAYPAL")
        assert (await recover(shop, PAYMENT)).state.status is PaymentStatusVO.UNKNOWN
        for order in shop.direct.orders.values():
            order.state = "expired"
        assert (await recover(shop, PAYMENT)).state.provider == "PAYPAL"
        assert await failures(shop) == [("PAGADITO", "expired")]

    async def test_recovery_goes_on_once_the_provider_refuses(self, shop: Shop) -> None:
        shop.provider.fail("create", "lost_before", "refused")
        await shop.initiate("PAYPAL", "PAGADITO")
        assert (await recover(shop, PAYMENT)).state.provider == "PAGADITO"

    async def test_not_reaching_it_does_not_end_a_doubt(self, shop: Shop) -> None:
        shop.provider.fail("create", "lost_after", "not_sent")
        await shop.initiate("PAYPAL", "PAGADITO")
        with pytest.raises(ProviderUnavailableError):
            await recover(shop, PAYMENT)
        assert (await shop.payment(PAYMENT)).status is PaymentStatusVO.UNKNOWN
        assert shop.direct.calls == []


class TestCrash:
    """Between any two appends the process may end; whoever comes next goes on."""

    @pytest.mark.parametrize("first", ["PAYPAL", "PAGADITO"])
    @pytest.mark.parametrize("fault", ["not_sent", "refused"])
    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("number", [1, 2, 3, 4])
    async def test_while_falling_back(
        self, shop: Shop, first: str, fault: Any, number: int, after: bool
    ) -> None:
        second = {"PAYPAL": "PAGADITO", "PAGADITO": "PAYPAL"}[first]
        by_name(shop, first).fail("create", fault)
        crash_at_append(shop, number, after=after)
        with suppress(Crash):
            await shop.initiate(first, second)
        heal(shop)
        if (await shop.store.read(f"payment-{PAYMENT}")).revision is not None:
            await wait_out(shop)
            for order in shop.direct.orders.values():  # a page whose address was lost lapses
                lost = (await shop.payment(PAYMENT)).checkout is None
                order.state = "expired" if lost else "open"
            await wait_out(shop)
        ended = (await shop.initiate(first, second)).state.status
        assert ended in {PaymentStatusVO.AWAITING_PAYER, PaymentStatusVO.EXPIRED}
        payable = [
            order
            for order in (*shop.provider.orders.values(), *shop.direct.orders.values())
            if order.state == "open"
        ]
        assert len(payable) == (1 if ended is PaymentStatusVO.AWAITING_PAYER else 0)

    async def test_recovery_finishes_a_fallback_that_was_only_decided_on(self, shop: Shop) -> None:
        shop.provider.fail("create", "refused")
        crash_at_append(shop, 3, after=False)  # the failure is stored, the next attempt is not
        with suppress(Crash):
            await shop.initiate("PAYPAL", "PAGADITO")
        heal(shop)
        assert await failures(shop) == [("PAYPAL", "refused")]
        assert (await recover(shop, PAYMENT)).events == ()  # its owner may still be at work
        await wait_out(shop)
        assert (await shop.payment(PAYMENT)).provider == "PAGADITO"


def by_name(shop: Shop, provider: str) -> Any:
    return {"PAYPAL": shop.provider, "PAGADITO": shop.direct}[provider]
