"""Never more is given back than was taken, and nothing twice."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from payment_gateway.domain.errors import (
    InvalidAmountError,
    ProviderUnavailableError,
    RefundExceedsCaptured,
    RefundFailed,
    RefundNotSupported,
)
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from tests.unit.application.gateway_fixture import Shop
from tests.unit.application.steps import PAID, approved, complete, paid, refund


class TestRefund:
    async def test_part_then_the_rest(self, shop: Shop) -> None:
        payment_id = await paid(shop)
        await refund(shop, payment_id)
        executed = await refund(shop, payment_id, None, "r2")
        assert executed.state.status is PaymentStatusVO.REFUNDED
        assert shop.provider.refunded_minor == 19_99

    async def test_the_same_refund_again_is_the_same_refund(self, shop: Shop) -> None:
        payment_id = await paid(shop)
        await refund(shop, payment_id)
        await refund(shop, payment_id)
        assert shop.provider.refunded_minor == 5_00

    async def test_of_twenty_at_once_over_sixty_percent_one_succeeds(self, shop: Shop) -> None:
        payment_id = await paid(shop)
        results = await asyncio.gather(
            *(refund(shop, payment_id, "12.00", f"r{n}") for n in range(20)),
            return_exceptions=True,
        )
        refused = [result for result in results if isinstance(result, RefundExceedsCaptured)]
        assert len(refused) == 19
        assert shop.provider.refunded_minor == 12_00

    async def test_a_provider_without_refunds_says_so(self, shop: Shop) -> None:
        payment_id = await approved(shop, "PAGADITO")
        await complete(shop, payment_id, "PAGADITO")
        with pytest.raises(RefundNotSupported):
            await refund(shop, payment_id)

    async def test_a_refund_that_never_left_may_be_sent_again(self, shop: Shop) -> None:
        payment_id = await paid(shop)
        shop.provider.fail("refund", "not_sent")
        with pytest.raises(ProviderUnavailableError):
            await refund(shop, payment_id, "19.99")
        await refund(shop, payment_id, "19.99")
        assert shop.provider.refunded_minor == 19_99

    async def test_a_refused_refund_frees_its_amount(self, shop: Shop) -> None:
        payment_id = await paid(shop)
        shop.provider.fail("refund", "refused")
        for _ in range(2):
            with pytest.raises(RefundFailed):
                await refund(shop, payment_id, "19.99")
        await refund(shop, payment_id, "19.99", "r2")
        assert shop.provider.refunded_minor == 19_99

    @pytest.mark.parametrize("amount", ["0", "-1", "5.001", "abc", Decimal("0.001")])
    async def test_amounts_that_are_none(self, shop: Shop, amount: Any) -> None:
        payment_id = await paid(shop)
        with pytest.raises(InvalidAmountError):
            await refund(shop, payment_id, amount)
        assert await shop.history(payment_id) == PAID
