"""A payment is called off before any money is taken, or not at all."""

from __future__ import annotations

import asyncio

import pytest

from payment_gateway.application.commands.cancel_payment import cancel_payment
from payment_gateway.domain.errors import (
    PaymentCancelled,
    PaymentStillPayable,
)
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from tests.unit.application.gateway_fixture import Shop
from tests.unit.application.steps import approved, complete


class TestCancel:
    async def test_an_order_that_only_we_can_capture(self, shop: Shop) -> None:
        payment_id = await approved(shop)
        await cancel_payment(payment_id, "changed my mind", shop.context, shop.gateway)
        with pytest.raises(PaymentCancelled):
            await complete(shop, payment_id)
        assert shop.provider.captured_minor == 0

    async def test_not_while_the_payer_could_still_pay(self, shop: Shop) -> None:
        payment_id = (await shop.initiate("PAGADITO")).state.payment_id
        with pytest.raises(PaymentStillPayable):
            await cancel_payment(payment_id, None, shop.context, shop.gateway)

    async def test_cancel_and_complete_at_once_agree(self, shop: Shop) -> None:
        payment_id = await approved(shop)
        await asyncio.gather(
            complete(shop, payment_id),
            cancel_payment(payment_id, None, shop.context, shop.gateway),
            return_exceptions=True,
        )
        payment = await shop.payment(payment_id)
        taken = shop.provider.captured_minor
        assert (payment.status, taken) in {
            (PaymentStatusVO.COMPLETED, 19_99),
            (PaymentStatusVO.CANCELLED, 0),
        }
