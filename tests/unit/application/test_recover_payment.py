"""What is in doubt is asked about until it is known."""

from __future__ import annotations

from typing import Any

import pytest

from payment_gateway.application.commands.recover_payment import (
    IDLE_AGE_MAX,
)
from payment_gateway.domain.errors import (
    ProviderUnavailableError,
)
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO, RefundStatusVO
from tests.unit.application.gateway_fixture import Shop
from tests.unit.application.steps import approved, complete, paid, recover, refund


class TestRecovery:
    @pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
    async def test_finds_the_checkout_of_a_lost_answer(self, shop: Shop, fault: Any) -> None:
        shop.provider.fail("create", fault)
        payment_id = (await shop.initiate()).state.payment_id
        assert (await recover(shop, payment_id)).state.status is PaymentStatusVO.AWAITING_PAYER
        assert len(shop.provider.orders) == 1

    async def test_a_checkout_nobody_knows_of_is_proof_that_nothing_is_held(
        self, shop: Shop
    ) -> None:
        shop.direct.fail("create", "lost_before")
        payment_id = (await shop.initiate("PAGADITO")).state.payment_id
        assert (await recover(shop, payment_id)).state.status is PaymentStatusVO.CREATED
        assert (await shop.initiate("PAGADITO")).state.status is PaymentStatusVO.AWAITING_PAYER

    async def test_a_page_nobody_was_given_is_waited_out(self, shop: Shop) -> None:
        shop.direct.fail("create", "lost_after")
        payment_id = (await shop.initiate("PAGADITO")).state.payment_id
        assert (await recover(shop, payment_id)).state.status is PaymentStatusVO.UNKNOWN
        for order in shop.direct.orders.values():
            order.state = "expired"
        assert (await recover(shop, payment_id)).state.status is PaymentStatusVO.EXPIRED

    @pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
    async def test_finds_out_about_a_capture(self, shop: Shop, fault: Any) -> None:
        payment_id = await approved(shop)
        shop.provider.fail("capture", fault)
        await complete(shop, payment_id)
        assert (await recover(shop, payment_id)).state.status is PaymentStatusVO.COMPLETED
        assert shop.provider.captured_minor == 19_99

    @pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
    async def test_finds_out_about_a_refund(self, shop: Shop, fault: Any) -> None:
        payment_id = await paid(shop)
        shop.provider.fail("refund", fault)
        in_doubt = (await refund(shop, payment_id)).state.refunds["r1"]
        assert in_doubt.status is RefundStatusVO.UNKNOWN
        recovered = (await recover(shop, payment_id)).state
        assert recovered.refunds["r1"].status is RefundStatusVO.COMPLETED
        assert shop.provider.refunded_minor == 5_00

    async def test_closes_what_nobody_paid_once_the_provider_agrees(self, shop: Shop) -> None:
        payment = (await shop.initiate()).state
        assert (await recover(shop, payment.payment_id)).events == ()
        shop.later(hours=4)
        assert (await recover(shop, payment.payment_id)).events == ()
        assert payment.checkout is not None
        shop.provider.orders[payment.checkout.provider_order_id].state = "expired"
        assert (await recover(shop, payment.payment_id)).state.status is PaymentStatusVO.EXPIRED

    async def test_an_order_that_is_gone_does_not_say_that_its_capture_never_was(
        self, shop: Shop
    ) -> None:
        payment_id = await approved(shop)
        shop.provider.fail("capture", "lost_after")
        in_doubt = (await complete(shop, payment_id)).state
        assert in_doubt.checkout is not None
        shop.provider.orders[in_doubt.checkout.provider_order_id].state = "expired"
        assert (await recover(shop, payment_id)).state.status is PaymentStatusVO.UNKNOWN

    async def test_closes_what_no_provider_was_ever_reached_for(self, shop: Shop) -> None:
        shop.provider.fail("create", "not_sent")
        with pytest.raises(ProviderUnavailableError):
            await shop.initiate()
        payment_id = PaymentIdVO.of(ExternalReferenceNumberVO("ERN-1"))
        assert (await recover(shop, payment_id)).events == ()
        shop.later(seconds=IDLE_AGE_MAX.total_seconds() + 1)
        assert (await recover(shop, payment_id)).state.status is PaymentStatusVO.EXPIRED
