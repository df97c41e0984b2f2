"""A person settles what is in doubt, once, and only that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from payment_gateway.application.commands.call_operator import call_operator
from payment_gateway.application.commands.resolve_payment import (
    NOTE_LENGTH_MAX,
    Finding,
    resolve_payment,
)
from payment_gateway.application.services.payment_service import ExecutedPayment
from payment_gateway.domain.errors import (
    InvalidAmountError,
    InvalidValue,
    PaymentNotFound,
    PaymentStateConflict,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO, RefundStatusVO
from tests.unit.application.gateway_fixture import Shop
from tests.unit.application.steps import approved, complete, paid, refund

TOOK = Finding(answer="completed", refund_id=None, reference="CAP9", note="seen in the panel")
NO = Finding(answer="failed", refund_id=None, reference=None, note="not in the panel")


async def in_question(shop: Shop) -> PaymentIdVO:
    payment_id = await approved(shop)
    shop.provider.fail("capture", "lost_before")
    await complete(shop, payment_id)
    await call_operator(payment_id, shop.context, shop.gateway)
    return payment_id


async def resolve(shop: Shop, payment_id: PaymentIdVO, finding: Finding) -> ExecutedPayment:
    return await resolve_payment(payment_id, finding, shop.context, shop.gateway)


class TestResolve:
    async def test_the_money_was_taken(self, shop: Shop) -> None:
        payment_id = await in_question(shop)
        payment = (await resolve(shop, payment_id, TOOK)).state
        assert (payment.status, payment.provider_reference) == (PaymentStatusVO.COMPLETED, "CAP9")
        assert payment.questions == frozenset()

    async def test_some_of_the_money_was_taken(self, shop: Shop) -> None:
        payment_id = await in_question(shop)
        payment = (await resolve(shop, payment_id, replace(TOOK, amount="12.50"))).state
        assert payment.captured == PaymentAmountVO(12_50, "USD")
        assert payment.refundable == payment.captured

    async def test_without_an_amount_all_of_it_was_taken(self, shop: Shop) -> None:
        payment_id = await in_question(shop)
        payment = (await resolve(shop, payment_id, TOOK)).state
        assert payment.captured == payment.amount

    async def test_another_amount_later_is_refused(self, shop: Shop) -> None:
        payment_id = await in_question(shop)
        await resolve(shop, payment_id, replace(TOOK, amount="12.50"))
        assert (await resolve(shop, payment_id, replace(TOOK, amount="12.50"))).events == ()
        with pytest.raises(PaymentStateConflict):
            await resolve(shop, payment_id, replace(TOOK, amount="12.51"))

    @pytest.mark.parametrize("amount", ["0", "-1", "20.00", "12.505", "twelve", "NaN", ""])
    async def test_an_amount_that_cannot_have_been_taken_is_refused(
        self, shop: Shop, amount: str
    ) -> None:
        payment_id = await in_question(shop)
        with pytest.raises((InvalidValue, InvalidAmountError)):
            await resolve(shop, payment_id, replace(TOOK, amount=amount))
        assert (await shop.payment(payment_id)).status is PaymentStatusVO.NEEDS_OPERATOR

    async def test_no_money_was_taken(self, shop: Shop) -> None:
        payment_id = await in_question(shop)
        assert (await resolve(shop, payment_id, NO)).state.status is PaymentStatusVO.FAILED

    async def test_the_same_answer_again_changes_nothing(self, shop: Shop) -> None:
        payment_id = await in_question(shop)
        await resolve(shop, payment_id, TOOK)
        assert (await resolve(shop, payment_id, TOOK)).events == ()

    async def test_a_refund_was_not_made_so_its_amount_is_free_again(self, shop: Shop) -> None:
        payment_id = await paid(shop)
        shop.provider.fail("refund", "lost_before")
        await refund(shop, payment_id)
        await call_operator(payment_id, shop.context, shop.gateway)
        finding = replace(NO, answer="refund_failed", refund_id="r1")
        payment = (await resolve(shop, payment_id, finding)).state
        assert payment.refunds["r1"].status is RefundStatusVO.FAILED
        assert payment.refundable == payment.captured

    async def test_what_is_not_in_doubt_is_not_settled_by_hand(self, shop: Shop) -> None:
        payment_id = await approved(shop)
        with pytest.raises(PaymentStateConflict):
            await resolve(shop, payment_id, TOOK)

    @pytest.mark.parametrize(
        "finding",
        [
            replace(TOOK, reference=None),
            replace(TOOK, note="  "),
            replace(TOOK, note="x" * (NOTE_LENGTH_MAX + 1)),
            replace(TOOK, note="two\nlines"),
            replace(TOOK, reference="a\nb"),
            replace(NO, refund_id="none"),
            replace(NO, answer="refund_failed"),
            replace(NO, amount="1.00"),
        ],
    )
    async def test_an_answer_that_does_not_fit_is_refused(
        self, shop: Shop, finding: Finding
    ) -> None:
        payment_id = await in_question(shop)
        with pytest.raises(InvalidValue):
            await resolve(shop, payment_id, finding)
        assert (await shop.payment(payment_id)).status is PaymentStatusVO.NEEDS_OPERATOR

    async def test_another_tenants_payment_is_not_there(self, shop: Shop) -> None:
        payment_id = await in_question(shop)
        context = replace(shop.context, tenant_id="other")
        with pytest.raises(PaymentNotFound):
            await resolve_payment(payment_id, TOOK, context, shop.gateway)
