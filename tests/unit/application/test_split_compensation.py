"""An order in parts that is given up: what is given back, and when a person is needed."""

from __future__ import annotations

import pytest

from payment_gateway.application.commands.split_payment import PAY_WITHIN
from payment_gateway.domain.aggregates.payment_commands import (
    AnswerAsOperator,
    CallOperator,
    RecordDisputeClosed,
    RecordDisputeOpened,
)
from payment_gateway.domain.aggregates.split_state import SplitStatus
from payment_gateway.domain.aggregates.split_steps import SETTLE_WITHIN
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from tests.unit.application.gateway_fixture import Shop
from tests.unit.application.split_shop import SplitShop

UNPAID = PAY_WITHIN.total_seconds()
DOUBT = SETTLE_WITHIN.total_seconds()


@pytest.fixture
async def order(shop: Shop) -> SplitShop:
    await shop.open_account("SPARE")
    return SplitShop(shop)


class TestCompensation:
    async def test_a_part_that_is_called_off_gives_the_others_back(self, order: SplitShop) -> None:
        await order.start("PAYPAL", "SPARE", "PAGADITO")
        await order.pay(0)
        await order.cancel(1)
        await order.look()
        assert await order.statuses() == ["REFUNDED", "CANCELLED", "CANCELLED"]
        assert await order.history() == [
            "Started",
            "AwaitingPayer",
            "CompensationStarted",
            "RefundsStarted",
            "Refunded",
        ]

    async def test_open_parts_cannot_be_paid_any_more(self, order: SplitShop) -> None:
        await order.start("PAYPAL", "SPARE")
        await order.cancel(0)
        await order.look()
        assert await order.statuses() == ["CANCELLED", "CANCELLED"]
        assert (await order.split()).status is SplitStatus.FAILED

    async def test_parts_that_are_not_paid_in_time_are_called_off(self, order: SplitShop) -> None:
        await order.start("PAYPAL", "SPARE")
        await order.pay(1)
        order.shop.later(seconds=UNPAID - 1)
        assert (await order.look()).view.split.is_paying
        order.shop.later(seconds=1)
        assert (await order.look()).view.split.status is SplitStatus.REFUNDED
        assert await order.statuses() == ["CANCELLED", "REFUNDED"]

    async def test_what_the_shop_gave_back_itself_is_not_given_twice(
        self, order: SplitShop
    ) -> None:
        await order.start("PAYPAL", "SPARE")
        await order.pay(0)
        await order.refund(0, "4.00")
        await order.cancel(1)
        await order.look()
        assert order.shop.provider.refunded_minor == 10_00
        assert (await order.split()).status is SplitStatus.REFUNDED

    async def test_a_part_that_the_shop_gave_back_whole_ends_the_order(
        self, order: SplitShop
    ) -> None:
        await order.start("PAYPAL", "SPARE")
        await order.pay(0)
        await order.refund(0)
        await order.look()
        assert await order.statuses() == ["REFUNDED", "CANCELLED"]
        assert (await order.split()).status is SplitStatus.REFUNDED

    async def test_nothing_is_given_back_while_the_last_part_may_be_paid(
        self, order: SplitShop
    ) -> None:
        await order.start("PAYPAL", "PAGADITO")
        await order.pay(0)
        await order.look()
        order.shop.later(seconds=UNPAID)
        assert (await order.look()).view.split.status is SplitStatus.COMPENSATING
        assert await order.statuses() == ["COMPLETED", "AWAITING_PAYER"]
        order.lapse()
        order.shop.later(minutes=1)
        await order.recover(1)
        await order.look()
        assert await order.statuses() == ["REFUNDED", "EXPIRED"]

    async def test_a_last_part_that_is_paid_late_completes_it_after_all(
        self, order: SplitShop
    ) -> None:
        await order.start("PAYPAL", "PAGADITO")
        await order.pay(0)
        await order.look()
        order.shop.later(seconds=UNPAID)
        await order.look()
        await order.pay(1)
        await order.look()
        assert await order.statuses() == ["COMPLETED", "COMPLETED"]
        assert (await order.split()).status is SplitStatus.COMPLETED

    async def test_a_refund_that_was_not_sent_is_sent_again_under_its_id(
        self, order: SplitShop
    ) -> None:
        await order.start("PAYPAL", "SPARE")
        await order.pay(0)
        await order.cancel(1)
        order.shop.provider.fail("refund", "not_sent")
        assert (await order.look()).is_stuck
        await order.look()
        assert len((await order.part(0)).refunds) == len(order.shop.provider.refunds) == 1
        assert (await order.split()).status is SplitStatus.REFUNDED

    async def test_a_refund_in_doubt_is_waited_for(self, order: SplitShop) -> None:
        await order.start("PAYPAL", "SPARE")
        await order.pay(0)
        await order.cancel(1)
        order.shop.provider.fail("refund", "lost_after")
        assert (await order.look()).view.split.status is SplitStatus.COMPENSATING
        await order.recover(0)
        assert (await order.look()).view.split.status is SplitStatus.REFUNDED
        assert order.shop.provider.refunded_minor == 10_00


class TestOperator:
    async def test_a_refused_refund_needs_one_until_the_money_is_back(
        self, order: SplitShop
    ) -> None:
        await order.start("PAYPAL", "SPARE")
        await order.pay(0)
        await order.cancel(1)
        order.shop.provider.fail("refund", "refused")
        split = (await order.look()).view.split
        assert split.status is SplitStatus.NEEDS_OPERATOR
        assert list(split.questions.values()) == ["refund_refused"]
        await order.refund(0, refund_id="by-hand")
        assert (await order.look()).view.split.status is SplitStatus.REFUNDED
        assert (await order.history())[-3:] == ["OperatorNeeded", "OperatorAnswered", "Refunded"]

    async def test_a_doubt_that_lasts_needs_one(self, order: SplitShop) -> None:
        await order.start("PAYPAL", "SPARE")
        await order.pay(0)
        await order.cancel(1)
        order.shop.provider.fail("refund", "lost_before")
        await order.look()
        order.shop.later(seconds=DOUBT)
        split = (await order.look()).view.split
        assert list(split.questions.values()) == ["open_for_too_long"]
        await order.recover(0)
        assert (await order.look()).view.split.status is SplitStatus.REFUNDED

    async def test_money_that_cannot_be_given_back_needs_one(self, order: SplitShop) -> None:
        """The shop gives the first part back while the payer pays the last one."""
        await order.start("PAYPAL", "PAGADITO")
        await order.pay(0)
        await order.look()
        await order.refund(0)
        await order.look()
        await order.pay(1)
        split = (await order.look()).view.split
        assert split.status is SplitStatus.NEEDS_OPERATOR
        assert list(split.questions.values()) == ["cannot_be_refunded"]

    async def test_a_disputed_part_is_not_given_back_beside_the_dispute(
        self, order: SplitShop
    ) -> None:
        await order.start("PAYPAL", "SPARE")
        await order.pay(0)
        part = (await order.part(0)).payment_id
        opened = RecordDisputeOpened(payment_id=part, dispute_id="D", amount=None, reason="lost")
        await order.shop.gateway.payments.execute(part, opened, context=order.shop.context)
        await order.cancel(1)
        split = (await order.look()).view.split
        assert list(split.questions.values()) == ["disputed"]
        assert order.shop.provider.refunded_minor == 0
        closed = RecordDisputeClosed(payment_id=part, dispute_id="D", outcome="won")
        await order.shop.gateway.payments.execute(part, closed, context=order.shop.context)
        assert (await order.look()).view.split.status is SplitStatus.REFUNDED

    async def test_a_payment_that_needs_one_stops_its_split(self, order: SplitShop) -> None:
        await order.start("PAYPAL", "PAGADITO")
        part = (await order.part(0)).payment_id
        asked = CallOperator(payment_id=part, refund_id=None, reason="no answer")
        await order.shop.gateway.payments.execute(part, asked, context=order.shop.context)
        assert (await order.look()).view.split.status is SplitStatus.NEEDS_OPERATOR
        answer = AnswerAsOperator(
            payment_id=part, refund_id=None, answer="completed", provider_reference="R", note=""
        )
        await order.shop.gateway.payments.execute(part, answer, context=order.shop.context)
        assert (await order.look()).view.split.status is SplitStatus.AWAITING_PAYER
        assert await order.statuses() == ["COMPLETED", "AWAITING_PAYER"]

    async def test_nothing_is_given_back_where_the_last_part_was_taken_after_all(
        self, order: SplitShop
    ) -> None:
        await order.start("PAYPAL", "PAGADITO")
        await order.pay(0)
        await order.look()
        order.lapse()
        order.shop.later(seconds=UNPAID + 60)
        await order.recover(1)
        await order.money_after_all(1)
        await order.look()
        split = (await order.look()).view.split
        assert split.questions == {split.parts[1].payment_id: "money_after_the_end"}
        assert await order.statuses() == ["COMPLETED", "EXPIRED"]

    async def test_money_that_comes_after_the_end_needs_one(self, order: SplitShop) -> None:
        await order.start("PAYPAL", "PAGADITO")
        await order.pay(0)
        await order.look()
        order.lapse()
        order.shop.later(seconds=UNPAID + 60)
        await order.recover(1)
        assert (await order.look()).view.split.status is SplitStatus.REFUNDED
        part = await order.part(1)
        assert part.status is PaymentStatusVO.EXPIRED
        await order.money_after_all(1)
        assert (await order.look()).view.split.status is SplitStatus.NEEDS_OPERATOR
