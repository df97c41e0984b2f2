"""What providers notify is stored once, applied once, and never applied backwards."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from payment_gateway.application.commands.cancel_payment import cancel_payment
from payment_gateway.application.webhooks import NotANotification, SignatureRefused
from payment_gateway.domain.errors import (
    ProviderNotConfigured,
    TenantNotFound,
    UnsupportedProviderError,
)
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO
from tests.unit.application.gateway_fixture import Shop
from tests.unit.application.steps import OPENED, PAID, approved, complete, paid, recover
from tests.unit.application.webhook_steps import (
    AGE_MAX,
    NotifiedShop,
    capture_of,
    order_of,
)

APPROVED = "CHECKOUT.ORDER.APPROVED"
CAPTURED = "PAYMENT.CAPTURE.COMPLETED"
REFUNDED = "PAYMENT.CAPTURE.REFUNDED"
REVERSED = "PAYMENT.CAPTURE.REVERSED"
PAGADITO = "TRANSACTION.STATUS.CHANGE"


@pytest.fixture
async def notified(shop: Shop) -> NotifiedShop:
    return NotifiedShop(shop)


class TestReceiving:
    async def test_stored_before_anything_else_is_done(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = await approved(shop)
        stream = await notified.receive(APPROVED, await order_of(shop, payment_id))

        assert await notified.outcome(stream) == "waiting"
        assert await shop.history(payment_id) == OPENED

    async def test_repeated_it_is_stored_once(self, notified: NotifiedShop, shop: Shop) -> None:
        resource = await order_of(shop, await approved(shop))
        told = []
        for _ in range(2):
            stream = await notified.receive(APPROVED, resource, id_="WH-same")
            told.append(notified.was_new)

        assert told == [True, False]
        assert len((await shop.store.read(stream)).events) == 1

    async def test_at_the_same_moment_it_is_stored_once(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        resource = await order_of(shop, await approved(shop))
        streams = await asyncio.gather(
            *(notified.receive(APPROVED, resource, id_="WH-same") for _ in range(5))
        )

        assert len((await shop.store.read(streams[0])).events) == 1

    async def test_its_body_is_not_stored_in_clear(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payer = {"payer": {"email_address": "planted@example.com"}}
        await notified.receive(APPROVED, await order_of(shop, await approved(shop)) | payer)

        assert all(b"planted" not in stored.data for stored in shop.store._log)

    async def test_not_signed_it_is_not_stored(self, notified: NotifiedShop, shop: Shop) -> None:
        before = await shop.store.head()
        with pytest.raises(SignatureRefused):
            await notified.receive(APPROVED, {}, signed="no")

        assert await shop.store.head() == before

    async def test_tenants_who_share_an_account_are_each_told(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        await with_rival(shop)
        resource = await order_of(shop, await approved(shop))
        await notified.receive(APPROVED, resource, id_="WH-same")
        for new in (True, False):
            await notified.receive(APPROVED, resource, id_="WH-same", tenant="rival")
            assert notified.was_new is new

    async def test_without_a_tenant_the_payment_tells_whose_it_is(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = await approved(shop)

        assert await notified.notify(APPROVED, await order_of(shop, payment_id), tenant=None) == (
            "applied"
        )
        assert await shop.history(payment_id) == PAID

    async def test_whoever_is_not_known_is_refused(self, notified: NotifiedShop) -> None:
        with pytest.raises(TenantNotFound):
            await notified.receive(APPROVED, {}, tenant="nobody")
        with pytest.raises(SignatureRefused):
            await notified.receive(APPROVED, {"custom_id": "ERN-404"}, tenant=None)
        with pytest.raises(SignatureRefused):
            await notified.receive(APPROVED, {"invoice_id": "ERN-404"}, tenant=None)
        with pytest.raises(UnsupportedProviderError):
            await notified.receive(APPROVED, {}, provider="SPARE")
        with pytest.raises(NotANotification):
            await notified.receive("", {})

    async def test_a_tenant_without_an_account_is_refused(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        context = shop.context
        await shop.gateway.tenants.create(
            TenantIdVO("bare"), name=None, return_urls=(), context=context
        )
        with pytest.raises(ProviderNotConfigured):
            await notified.receive(APPROVED, {}, tenant="bare")


async def with_rival(shop: Shop) -> None:
    context = shop.context
    await shop.gateway.tenants.create(
        TenantIdVO("rival"), name=None, return_urls=(), context=context
    )
    rival = type(context)(tenant_id="rival", actor="test", correlation_id="c", at=shop.now)
    await shop.gateway.credentials.save("PAYPAL", {"secret": "planted"}, rival)


class TestPayments:
    async def test_an_approval_completes_the_payment_by_itself(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = await approved(shop)

        assert await notified.notify(APPROVED, await order_of(shop, payment_id)) == "applied"
        assert await shop.history(payment_id) == PAID

    async def test_what_the_notification_claims_of_money_is_not_believed(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = (await shop.initiate()).state.payment_id

        assert await notified.notify(CAPTURED, await capture_of(shop, payment_id)) == "applied"
        assert await shop.history(payment_id) == OPENED

    async def test_webhook_return_and_complete_together_are_one_capture(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = await approved(shop)
        for event_type in (APPROVED, CAPTURED):
            await notified.receive(event_type, await order_of(shop, payment_id))

        await asyncio.gather(
            notified.react(), complete(shop, payment_id), recover(shop, payment_id)
        )

        assert await shop.history(payment_id) == PAID
        assert shop.provider.captured_minor == 19_99

    async def test_in_the_wrong_order_nothing_goes_backwards(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = await paid(shop)
        for event_type in (CAPTURED, APPROVED, "PAYMENT.CAPTURE.PENDING"):
            resource = await capture_of(shop, payment_id)
            if event_type == APPROVED:
                resource = await order_of(shop, payment_id)
            assert await notified.notify(event_type, resource) == "applied"

        assert await shop.history(payment_id) == PAID

    async def test_money_that_comes_after_the_end_is_recorded_for_people(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = (await shop.initiate()).state.payment_id
        await cancel_payment(payment_id, None, shop.context, shop.gateway)
        order = await order_of(shop, payment_id)
        shop.provider.approve(order["id"])
        shop.provider._take(order["id"])

        assert await notified.notify(APPROVED, order) == "applied"
        assert (await shop.history(payment_id))[-1] == "LateFactRecorded"
        assert (await shop.payment(payment_id)).status is PaymentStatusVO.CANCELLED

    async def test_a_pagadito_payment_by_its_number(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = await approved(shop, "PAGADITO")
        checkout = (await shop.payment(payment_id)).checkout
        assert checkout is not None
        resource = {"token": checkout.provider_order_id, "ern": "ERN-1", "status": "COMPLETED"}

        assert await notified.notify(PAGADITO, resource, provider="PAGADITO") == "applied"
        assert await shop.history(payment_id) == [*OPENED, "PaymentCompleted"]

    async def test_of_another_order_it_is_not_applied(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = await approved(shop)
        order = await order_of(shop, payment_id)

        assert await notified.notify(APPROVED, order | {"id": "O-other"}) == "another_attempt"
        assert await notified.notify(CAPTURED, {"invoice_id": "ERN-1-2"}) == "another_attempt"
        assert await shop.history(payment_id) == OPENED

    async def test_of_another_provider_it_is_not_applied(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        await approved(shop)
        resource = {"token": "T", "ern": "ERN-1", "status": "COMPLETED"}

        assert await notified.notify(PAGADITO, resource, provider="PAGADITO") == "another_attempt"

    async def test_of_no_payment_it_is_kept(self, notified: NotifiedShop) -> None:
        assert await notified.notify(APPROVED, {"id": "O-1"}) == "payment_unknown"
        assert await notified.notify(CAPTURED, {"invoice_id": "ERN-404"}) == "payment_unknown"

    async def test_of_another_tenants_payment_it_is_as_if_there_were_none(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        await with_rival(shop)
        payment_id = await approved(shop)
        order = await order_of(shop, payment_id)

        assert await notified.notify(APPROVED, order, tenant="rival") == "payment_unknown"
        assert await shop.history(payment_id) == OPENED

    async def test_a_replay_is_kept_but_not_applied(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = await approved(shop)
        order = await order_of(shop, payment_id)
        old = (shop.now - AGE_MAX - timedelta(seconds=1)).isoformat()
        recent = (shop.now - AGE_MAX).isoformat()

        assert await notified.notify(APPROVED, order, at=old) == "too_old"
        assert await shop.history(payment_id) == OPENED
        assert await notified.notify(APPROVED, order, at=recent) == "applied"

    async def test_of_what_changes_nothing_here(self, notified: NotifiedShop) -> None:
        assert await notified.notify("PAYMENT.AUTHORIZATION.CREATED", {}) == "not_handled"

    async def test_whose_person_was_erased_it_is_kept_unread(
        self, notified: NotifiedShop, shop: Shop
    ) -> None:
        payment_id = await approved(shop)
        stream = await notified.receive(APPROVED, await order_of(shop, payment_id))
        shop.store._log = [one for one in shop.store._log if one.type != "SubjectKeyCreated"]
        await notified.react()

        assert await notified.outcome(stream) == "erased"
