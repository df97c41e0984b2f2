"""Refunds, disputes and troubles that providers notify or that hinder applying what they notify."""

from __future__ import annotations

import asyncio

import pytest

from payment_gateway.application.sagas.webhook_loop import RETRIES
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from tests.unit.application.gateway_fixture import Shop
from tests.unit.application.steps import OPENED, PAID, approved, paid, refund
from tests.unit.application.webhook_steps import NotifiedShop, dispute_of, order_of, refund_of

APPROVED = "CHECKOUT.ORDER.APPROVED"
REFUNDED = "PAYMENT.CAPTURE.REFUNDED"
REVERSED = "PAYMENT.CAPTURE.REVERSED"


@pytest.fixture
async def notified(shop: Shop) -> NotifiedShop:
    return NotifiedShop(shop)


class TestRefunds:
    async def test_of_our_own_it_is_known_by_what_we_called_it(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = await paid(shop)
        shop.provider.fail("refund", "lost_after")
        await refund(shop, payment_id)
        intent_id = next(iter(shop.provider.refunds))
        told = refund_of(payment_id, invoice_id=intent_id)

        assert await notified.notify(REFUNDED, told) == "applied"
        assert await notified.notify(REFUNDED, told) == "applied"
        assert (await shop.history(payment_id))[-2:] == ["OutcomeUnknown", "RefundCompleted"]

    async def test_of_our_own_that_failed_its_amount_is_free_again(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = await paid(shop)
        shop.provider.fail("refund", "lost_before")
        await refund(shop, payment_id)
        intent_id = payment_id.derive("refund:r1")
        for event_type, status in (("PENDING", "PENDING"), ("FAILED", "FAILED")):
            told = refund_of(payment_id, invoice_id=intent_id, status=status)
            await notified.notify(f"PAYMENT.REFUND.{event_type}", told)

        assert (await shop.history(payment_id))[-2:] == ["RefundPending", "RefundFailed"]
        assert (await shop.payment(payment_id)).refundable.amount_minor == 19_99

    async def test_of_another_amount_than_was_asked_for_it_is_kept(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = await paid(shop)
        shop.provider.fail("refund", "lost_after")
        await refund(shop, payment_id)
        told = refund_of(payment_id, "6.00", invoice_id=payment_id.derive("refund:r1"))

        assert await notified.notify(REFUNDED, told) == "another_amount"

    async def test_made_at_the_provider_it_is_recorded_once(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = await paid(shop)
        for _ in range(2):
            assert await notified.notify(REFUNDED, refund_of(payment_id)) == "applied"

        assert await shop.history(payment_id) == [*PAID, "ProviderRefundRecorded"]
        assert (await shop.payment(payment_id)).refunded.amount_minor == 5_00

    async def test_made_at_the_provider_and_still_pending_it_changes_nothing(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = await paid(shop)
        told = refund_of(payment_id, status="PENDING")

        assert await notified.notify("PAYMENT.REFUND.PENDING", told) == "applied"
        assert await shop.history(payment_id) == PAID

    async def test_without_an_amount_it_is_kept(self, notified: NotifiedShop, shop: Shop) -> None:
        payment_id = await paid(shop)

        assert await notified.notify(REFUNDED, refund_of(payment_id, amount=None)) == (
            "another_amount"
        )

    async def test_before_the_news_of_the_capture_both_are_recorded(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = await approved(shop)
        shop.provider._take((await order_of(shop, payment_id))["id"])

        assert await notified.notify(REFUNDED, refund_of(payment_id)) == "applied"
        assert await shop.history(payment_id) == [
            *OPENED,
            "PaymentCompleted",
            "ProviderRefundRecorded",
        ]

    async def test_a_reversal_that_names_only_the_capture(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = await paid(shop)
        capture = (await shop.payment(payment_id)).provider_reference
        up = [{"rel": "up", "href": f"https://x/v2/payments/captures/{capture}"}]

        told = refund_of(payment_id, "-19.99", custom_id=None, links=up)
        assert await notified.notify(REVERSED, told) == "applied"
        assert (await shop.payment(payment_id)).status is PaymentStatusVO.REFUNDED

    async def test_of_another_capture_it_is_kept(self, notified: NotifiedShop, shop: Shop) -> None:
        payment_id = await paid(shop)
        up = [{"rel": "up", "href": "https://x/v2/payments/captures/C-other"}]

        assert await notified.notify(REFUNDED, refund_of(payment_id, links=up)) == (
            "another_capture"
        )
        stream = await notified.receive(REFUNDED, refund_of(payment_id, custom_id=None, links=up))
        await react_until_parked(notified, shop)
        assert await notified.outcome(stream) == "payment_unknown"


class TestDisputes:
    async def test_opened_and_closed(self, notified: NotifiedShop, shop: Shop) -> None:
        payment_id = await paid(shop)
        await notified.notify("CUSTOMER.DISPUTE.CREATED", dispute_of(payment_id))
        assert (await shop.payment(payment_id)).status is PaymentStatusVO.DISPUTED

        won = {"dispute_outcome": {"outcome_code": "RESOLVED_SELLER_FAVOUR"}}
        await notified.notify("CUSTOMER.DISPUTE.RESOLVED", dispute_of(payment_id, **won))
        assert (await shop.payment(payment_id)).status is PaymentStatusVO.COMPLETED

    async def test_closed_before_it_is_opened_it_stays_closed(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = await paid(shop)
        await notified.notify("CUSTOMER.DISPUTE.RESOLVED", dispute_of(payment_id))
        await notified.notify("CUSTOMER.DISPUTE.CREATED", dispute_of(payment_id))

        assert await shop.history(payment_id) == [*PAID, "DisputeOpened", "DisputeClosed"]


class TestTroubles:
    async def test_a_provider_that_cannot_be_asked_is_asked_again(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = await approved(shop)
        shop.provider.fail("inquire", "not_sent")
        stream = await notified.receive(APPROVED, await order_of(shop, payment_id))
        await notified.react()
        assert await notified.outcome(stream) == "waiting"
        assert await notified.react() == 0

        shop.later(seconds=RETRIES[0].total_seconds())
        await notified.react()
        assert await shop.history(payment_id) == PAID

    async def test_what_cannot_be_done_for_a_day_is_parked_with_the_error(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = await approved(shop)
        for _ in range(2 * len(RETRIES)):
            shop.provider.fail("inquire", "not_sent")
        stream = await notified.receive(APPROVED, await order_of(shop, payment_id))
        tries = await react_until_parked(notified, shop)

        assert await notified.outcome(stream) == "provider_unavailable"
        assert tries == len(RETRIES) + 1

    async def test_what_another_process_has_applied_is_left_alone(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = await approved(shop)
        stream = await notified.receive(APPROVED, await order_of(shop, payment_id))
        await asyncio.gather(notified.react(), notified.react())
        notified.queue.due_at.clear()
        await notified.react()

        assert [event.type for event in (await shop.store.read(stream)).events] == [
            "WebhookReceived",
            "WebhookApplied",
        ]
        assert await shop.history(payment_id) == PAID


async def react_until_parked(notified: NotifiedShop, shop: Shop) -> int:
    """Let time pass until nothing is tried any more; return how often it was."""
    tries = 0
    while tries < 50:
        if await notified.react() == 0 and tries > len(RETRIES):
            break
        tries += 1
        shop.later(seconds=max(RETRIES).total_seconds())
    return max(notified.queue.tries.values())
