"""When a split is looked at, and what the loop does with what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from payment_gateway.application.commands.split_payment import PAY_WITHIN
from payment_gateway.application.sagas.recovery import RETRIES
from payment_gateway.application.sagas.split_loop import LOOK_WITHIN_S, SplitLoop
from payment_gateway.application.sagas.split_schedule import DueSplit, is_news, next_look
from payment_gateway.domain.aggregates.payment_parts import NOT_SENT
from payment_gateway.domain.aggregates.split_state import SplitStatus
from payment_gateway.domain.aggregates.split_steps import SETTLE_WITHIN
from payment_gateway.domain.events.payment import PaymentEvent, RefundFailedEvent
from payment_gateway.infrastructure.messaging.split_queue import CLAIM
from tests.unit.application.gateway_fixture import Shop
from tests.unit.application.split_shop import SplitShop
from tests.unit.domain.payment_examples import (
    CAPTURING,
    CHECKOUT,
    COMPLETED,
    STARTED,
    refund_requested,
)


@pytest.fixture
async def order(shop: Shop) -> SplitShop:
    await shop.open_account("SPARE")
    return SplitShop(shop)


def refund_failed(reason: str) -> RefundFailedEvent:
    return RefundFailedEvent(payment_id="p", refund_id="r", reason=reason)


class TestNews:
    @pytest.mark.parametrize("event", [CHECKOUT, COMPLETED, refund_failed("REFUND_NOT_ALLOWED")])
    def test_what_came_of_something_is_news(self, event: PaymentEvent) -> None:
        assert is_news(event)

    @pytest.mark.parametrize(
        "event", [STARTED, CAPTURING, refund_requested(1), refund_failed(NOT_SENT)]
    )
    def test_what_a_look_does_in_vain_does_not_call_the_next(self, event: PaymentEvent) -> None:
        assert not is_news(event)


class TestSchedule:
    async def test_while_it_is_paid_only_news_and_the_deadline_count(
        self, order: SplitShop
    ) -> None:
        await order.start("PAYPAL", "SPARE")
        assert next_look(await order.look(), 0, order.shop.now) == order.shop.now + PAY_WITHIN

    async def test_what_could_not_be_done_is_tried_again_at_growing_distances(
        self, order: SplitShop
    ) -> None:
        order.shop.provider.fail("create", "not_sent", "not_sent", "not_sent")
        await order.start("PAYPAL", "SPARE")
        for looks in range(2):
            advanced = await order.look()
            assert next_look(advanced, looks, order.shop.now) == order.shop.now + RETRIES[looks]

    async def test_the_end_of_a_compensation_is_a_deadline_too(self, order: SplitShop) -> None:
        await order.start("PAYPAL", "SPARE")
        await order.pay(0)
        await order.cancel(1)
        order.shop.provider.fail("refund", "lost_before")
        assert next_look(await order.look(), 0, order.shop.now) == order.shop.now + SETTLE_WITHIN

    async def test_what_has_ended_waits_for_news_alone(self, order: SplitShop) -> None:
        await order.start("PAYPAL", "SPARE")
        await order.cancel(0)
        assert next_look(await order.look(), 0, order.shop.now) is None

    def test_a_look_ends_before_another_process_may_take_it(self) -> None:
        assert CLAIM.total_seconds() > LOOK_WITHIN_S


@dataclass
class ListQueue:
    """A queue of given looks, for one loop."""

    looks: list[DueSplit]
    finished: list[datetime | None] = field(default_factory=list)

    async def claim(self, now: datetime, *, limit: int) -> Sequence[DueSplit]:
        claimed, self.looks = self.looks[:limit], self.looks[limit:]
        return claimed

    async def finish(self, look: DueSplit, next_at: datetime | None) -> None:
        self.finished.append(next_at)


def due(split_id: str, order: SplitShop) -> DueSplit:
    return DueSplit(
        split_id=split_id,
        tenant_id="demo",
        looks=1,
        claimed_until=order.shop.now + timedelta(minutes=5),
    )


class TestLoop:
    async def test_carries_on_what_is_due(self, order: SplitShop) -> None:
        view = await order.start("PAYPAL", "SPARE")
        await order.pay(0)
        await order.pay(1)
        queue = ListQueue([due(view.split.split_id.value, order)])
        assert await SplitLoop(queue, order.shop.gateway).run_once() == 1
        assert (await order.split()).status is SplitStatus.COMPLETED
        assert queue.finished == [None]

    async def test_one_that_fails_does_not_hold_up_the_others(self, order: SplitShop) -> None:
        view = await order.start("PAYPAL", "SPARE")
        await order.cancel(0)
        missing = due("00000000-0000-0000-0000-000000000000", order)
        queue = ListQueue([missing, due(view.split.split_id.value, order)])
        assert await SplitLoop(queue, order.shop.gateway).run_once() == 2
        assert (await order.split()).status is SplitStatus.FAILED
        assert set(queue.finished) == {order.shop.now + RETRIES[1], None}
