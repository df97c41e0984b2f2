"""The money is taken once, through whichever door."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from payment_gateway.application.commands.complete_payment import complete_payment
from payment_gateway.domain.errors import (
    DomainError,
    InvalidValue,
    PaymentCancelled,
    PaymentDeclined,
    PaymentExpired,
    PaymentNotApproved,
    PaymentNotFound,
    ProviderUnavailableError,
)
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO
from tests.unit.application.gateway_fixture import Shop
from tests.unit.application.steps import OPENED, PAID, approved, complete, paid


class TestComplete:
    async def test_takes_the_money_of_an_approved_payment(self, shop: Shop) -> None:
        payment_id = await paid(shop)
        assert await shop.history(payment_id) == PAID
        assert shop.provider.captured_minor == 19_99

    async def test_a_provider_that_takes_it_on_approval_is_only_asked(self, shop: Shop) -> None:
        payment_id = await approved(shop, "PAGADITO")
        assert (await complete(shop, payment_id, "PAGADITO")).state.captured is not None
        assert "capture" not in shop.direct.calls

    async def test_before_the_payer_approved(self, shop: Shop) -> None:
        payment_id = (await shop.initiate()).state.payment_id
        with pytest.raises(PaymentNotApproved):
            await complete(shop, payment_id)
        assert await shop.history(payment_id) == OPENED

    async def test_twenty_at_once_take_it_once(self, shop: Shop) -> None:
        payment_id = await approved(shop)
        done = await asyncio.gather(*(complete(shop, payment_id) for _ in range(20)))
        assert {executed.state.status for executed in done} == {PaymentStatusVO.COMPLETED}
        assert await shop.history(payment_id) == PAID

    async def test_another_provider_is_named(self, shop: Shop) -> None:
        payment_id = await approved(shop)
        with pytest.raises(InvalidValue):
            await complete(shop, payment_id, "PAGADITO")

    async def test_another_tenants_payment_is_not_there(self, shop: Shop) -> None:
        payment_id = await approved(shop)
        with pytest.raises(PaymentNotFound):
            await complete_payment(
                payment_id,
                ProviderTypeVO("PAYPAL"),
                replace(shop.context, tenant_id="other"),
                shop.gateway,
            )

    async def test_a_declined_card_leaves_the_page_open(self, shop: Shop) -> None:
        payment_id = await approved(shop)
        shop.provider.fail("capture", "declined")
        with pytest.raises(PaymentDeclined):
            await complete(shop, payment_id)
        assert (await complete(shop, payment_id)).state.status is PaymentStatusVO.COMPLETED

    async def test_a_refused_capture_ends_the_payment(self, shop: Shop) -> None:
        payment_id = await approved(shop)
        shop.provider.fail("capture", "refused")
        for _ in range(2):
            with pytest.raises(PaymentDeclined):
                await complete(shop, payment_id)
        assert shop.provider.captured_minor == 0

    @pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
    async def test_a_lost_answer_is_asked_about_and_taken_once(
        self, shop: Shop, fault: Any
    ) -> None:
        payment_id = await approved(shop)
        shop.provider.fail("capture", fault)
        assert (await complete(shop, payment_id)).state.status is PaymentStatusVO.UNKNOWN
        assert (await complete(shop, payment_id)).state.status is PaymentStatusVO.COMPLETED
        assert shop.provider.captured_minor == 19_99

    async def test_a_provider_that_is_not_reached_changes_nothing(self, shop: Shop) -> None:
        payment_id = await approved(shop)
        shop.provider.fail("inquire", "not_sent")
        with pytest.raises(ProviderUnavailableError):
            await complete(shop, payment_id)
        assert await shop.history(payment_id) == OPENED

    @pytest.mark.parametrize(
        ("state", "refusal"), [("cancelled", PaymentCancelled), ("expired", PaymentExpired)]
    )
    async def test_what_ended_at_the_provider_ends_here(
        self, shop: Shop, state: Any, refusal: type[DomainError]
    ) -> None:
        payment = (await shop.initiate("PAGADITO")).state
        assert payment.checkout is not None
        shop.direct.orders[payment.checkout.provider_order_id].state = state
        with pytest.raises(refusal):
            await complete(shop, payment.payment_id, "PAGADITO")
