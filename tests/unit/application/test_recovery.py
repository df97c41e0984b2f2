"""When a payment is looked at again, and what the loop does with what it finds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from payment_gateway.application.commands.recover_payment import INTENT_AGE_MIN
from payment_gateway.application.ports import DueLook, Expired, Standing
from payment_gateway.application.sagas.recovery import (
    EXPIRY_MARGIN,
    FIRST_INQUIRY,
    HELD_DAYS_MAX,
    RETRIES,
    first_look,
    is_exhausted,
    next_look,
)
from payment_gateway.application.sagas.recovery_loop import (
    LOOKS_OF_ONE_PROVIDER_MAX,
    PUT_OFF,
    RecoveryLoop,
)
from payment_gateway.domain.aggregates.payment_state import Payment, fold
from payment_gateway.domain.events.payment import PaymentEvent, PaymentPendingEvent
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from tests.unit.application.gateway_fixture import NOON, Shop
from tests.unit.application.steps import approved, complete, paid, refund
from tests.unit.domain.payment_examples import (
    ATTEMPT,
    AWAITING,
    CAPTURE,
    CAPTURING,
    CHECKOUT,
    COMPLETED,
    ID,
    LATER,
    PAID,
    STARTED,
    refund_requested,
    unknown,
)

HELD = PaymentPendingEvent(payment_id=ID.value, provider_reference="CAP1", reason="REVIEW")


class TestSchedule:
    def test_an_unknown_outcome_is_asked_about_within_ten_seconds(self) -> None:
        first = first_look(unknown("checkout", ATTEMPT), NOON)
        assert first == NOON + FIRST_INQUIRY
        assert timedelta(seconds=10) > FIRST_INQUIRY

    @pytest.mark.parametrize("intent", [STARTED, CAPTURING, refund_requested(1)])
    def test_an_intent_is_left_alone_while_its_owner_may_be_at_work(
        self, intent: PaymentEvent
    ) -> None:
        assert first_look(intent, NOON) == NOON + INTENT_AGE_MIN

    def test_a_checkout_is_looked_at_when_it_has_run_out(self) -> None:
        assert first_look(CHECKOUT, NOON) == LATER + EXPIRY_MARGIN

    def test_a_paid_payment_is_left_alone(self) -> None:
        assert first_look(COMPLETED, NOON) is None
        assert next_look(payment(PAID), 0, NOON) is None

    def test_looks_without_news_grow_apart(self) -> None:
        doubtful = payment((*AWAITING, CAPTURING, unknown("capture", CAPTURE)))
        waits = []
        for looks in range(len(RETRIES)):
            after = next_look(doubtful, looks, NOON)
            assert after is not None
            waits.append(after - NOON)
        assert waits == list(RETRIES)

    def test_a_refund_in_doubt_keeps_a_paid_payment_open(self) -> None:
        doubtful = payment((*PAID, refund_requested(1), unknown("refund", "r1")))
        assert next_look(doubtful, 0, NOON) == NOON + RETRIES[0]

    def test_a_payer_is_given_the_time_the_checkout_lasts(self) -> None:
        assert next_look(payment(AWAITING), 0, NOON) == LATER + EXPIRY_MARGIN


@dataclass
class ListQueue:
    """A queue of given looks, for one loop."""

    looks: list[DueLook]
    finished: list[datetime | None] = field(default_factory=list)
    put_off_until: list[datetime] = field(default_factory=list)

    async def put_off(self, look: DueLook, next_at: datetime) -> None:
        self.put_off_until.append(next_at)

    async def claim(self, now: datetime, *, limit: int) -> Sequence[DueLook]:
        claimed, self.looks = self.looks[:limit], self.looks[limit:]
        return claimed

    async def finish(self, look: DueLook, next_at: datetime | None) -> None:
        self.finished.append(next_at)


class TestEndOfSchedule:
    """Where asking brings nothing, a person is asked; nothing is ever guessed."""

    async def look(self, shop: Shop, payment_id: PaymentIdVO, looks: int) -> datetime | None:
        queue = ListQueue([replace(due(payment_id.value), looks=looks)])
        await RecoveryLoop(queue, shop.gateway).run_once()
        return queue.finished[0]

    async def test_a_capture_in_doubt_ends_with_an_operator(self, shop: Shop) -> None:
        payment_id = await approved(shop)
        shop.provider.fail("capture", "lost_after")
        in_doubt = (await complete(shop, payment_id)).state
        assert in_doubt.checkout is not None
        shop.provider.orders[in_doubt.checkout.provider_order_id].state = "expired"
        for looks in range(len(RETRIES)):
            assert await self.look(shop, payment_id, looks) == shop.now + RETRIES[looks]
        assert await self.look(shop, payment_id, len(RETRIES)) is None
        payment = await shop.payment(payment_id)
        assert (payment.status, payment.questions) == (
            PaymentStatusVO.NEEDS_OPERATOR,
            frozenset({None}),
        )

    async def test_so_does_one_whose_provider_is_never_reached(self, shop: Shop) -> None:
        payment_id = await approved(shop)
        shop.provider.fail("capture", "lost_after")
        await complete(shop, payment_id)
        shop.provider.fail("inquire", "not_sent")
        assert await self.look(shop, payment_id, len(RETRIES)) is None
        assert (await shop.payment(payment_id)).status is PaymentStatusVO.NEEDS_OPERATOR

    async def test_a_lost_checkout_that_nobody_confirms_ends_with_an_operator(
        self, shop: Shop
    ) -> None:
        shop.provider.fail("create", "lost_after", "lost_after")
        payment_id = (await shop.initiate("PAYPAL", "PAGADITO")).state.payment_id
        assert await self.look(shop, payment_id, len(RETRIES)) is None
        assert (await shop.payment(payment_id)).status is PaymentStatusVO.NEEDS_OPERATOR
        assert shop.direct.calls == []

    async def test_each_refund_in_doubt_is_asked_about_and_the_payment_keeps_its_money(
        self, shop: Shop
    ) -> None:
        payment_id = await paid(shop)
        shop.provider.fail("refund", "lost_before", "lost_before", "lost_before", "lost_before")
        await refund(shop, payment_id, "5.00", "r1")
        await refund(shop, payment_id, "4.00", "r2")
        assert await self.look(shop, payment_id, len(RETRIES)) is None
        payment = await shop.payment(payment_id)
        assert (payment.status, payment.questions) == (
            PaymentStatusVO.COMPLETED,
            frozenset({"r1", "r2"}),
        )
        assert payment.refundable.amount_minor == 19_99 - 9_00  # still reserved
        assert await self.look(shop, payment_id, len(RETRIES)) is None
        assert (await shop.history(payment_id)).count("OperatorNeeded") == 2

    async def test_a_checkout_nobody_approved_is_closed_where_only_we_take_the_money(
        self, shop: Shop
    ) -> None:
        payment_id = (await shop.initiate()).state.payment_id
        shop.later(days=2)
        assert await self.look(shop, payment_id, len(RETRIES)) is None
        assert (await shop.payment(payment_id)).status is PaymentStatusVO.EXPIRED

    async def test_a_checkout_whose_approval_takes_the_money_is_never_closed_by_us(
        self, shop: Shop
    ) -> None:
        payment_id = (await shop.initiate("PAGADITO")).state.payment_id
        shop.later(days=2)
        assert await self.look(shop, payment_id, len(RETRIES)) is None
        assert (await shop.payment(payment_id)).status is PaymentStatusVO.NEEDS_OPERATOR

    def test_what_a_provider_holds_is_given_a_month(self) -> None:
        held = payment((*AWAITING, CAPTURING, HELD))
        assert not is_exhausted(held, len(RETRIES) + HELD_DAYS_MAX - 1)
        assert is_exhausted(held, len(RETRIES) + HELD_DAYS_MAX)

    async def test_what_news_came_of_is_left_as_it_is(self, shop: Shop) -> None:
        payment_id = await approved(shop)
        shop.provider.fail("capture", "lost_after")
        await complete(shop, payment_id)
        assert await self.look(shop, payment_id, len(RETRIES)) is None
        assert (await shop.payment(payment_id)).status is PaymentStatusVO.COMPLETED


class TestLoop:
    async def test_finishes_what_it_finds_open(self, shop: Shop) -> None:
        payment_id = await approved(shop)
        shop.provider.fail("capture", "lost_after")
        await complete(shop, payment_id)
        queue = ListQueue([due(payment_id.value)])
        assert await RecoveryLoop(queue, shop.gateway).run_once() == 1
        assert (await shop.payment(payment_id)).status is PaymentStatusVO.COMPLETED
        assert queue.finished == [None]

    async def test_what_cannot_be_asked_now_is_asked_later(self, shop: Shop) -> None:
        payment_id = await approved(shop)
        shop.provider.fail("capture", "lost_after")
        await complete(shop, payment_id)
        shop.provider.fail("inquire", "not_sent")
        queue = ListQueue([replace(due(payment_id.value), looks=2)])
        await RecoveryLoop(queue, shop.gateway).run_once()
        assert queue.finished == [shop.now + RETRIES[2]]

    async def test_one_that_fails_does_not_hold_up_the_others(self, shop: Shop) -> None:
        payment_id = await approved(shop)
        shop.provider.fail("capture", "lost_before")
        await complete(shop, payment_id)
        missing = due("00000000-0000-0000-0000-000000000000")
        queue = ListQueue([missing, due(payment_id.value)])
        assert await RecoveryLoop(queue, shop.gateway).run_once() == 2
        assert (await shop.payment(payment_id)).status is PaymentStatusVO.COMPLETED

    async def test_a_slow_provider_leaves_places_to_the_others(self, shop: Shop) -> None:
        """Its looks beyond its share are put off, uncounted; nobody waits for those under way."""
        slow = [
            (await shop.initiate(number=f"ERN-{number}")).state.payment_id
            for number in range(1, LOOKS_OF_ONE_PROVIDER_MAX + 3)
        ]
        quick = (await shop.initiate("PAGADITO", number="ERN-99")).state.payment_id
        answered = asyncio.Event()
        asked: list[str] = []

        async def silent(checkout: Any) -> Standing:
            asked.append(checkout.payment_id)
            await answered.wait()
            return Expired()

        shop.provider.inquire = silent  # type: ignore[method-assign] # the silence is arranged here
        shop.later(hours=4)
        queue = ListQueue([due(one.value) for one in slow])
        loop = RecoveryLoop(queue, shop.gateway)
        looking = asyncio.create_task(loop.run())
        while len(asked) < LOOKS_OF_ONE_PROVIDER_MAX or len(queue.put_off_until) < 2:
            await asyncio.sleep(0)
        shop.direct.orders[next(iter(shop.direct.orders))].state = "expired"
        queue.looks = [due(quick.value)]
        while (await shop.payment(quick)).status is not PaymentStatusVO.EXPIRED:
            await asyncio.sleep(0.01)
        assert len(asked) == LOOKS_OF_ONE_PROVIDER_MAX
        assert queue.put_off_until == [shop.now + PUT_OFF] * 2
        assert len(queue.finished) <= 1

        answered.set()
        while len(queue.finished) < LOOKS_OF_ONE_PROVIDER_MAX + 1:
            await asyncio.sleep(0.01)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


def payment(history: tuple[PaymentEvent, ...]) -> Payment:
    state = fold(history)
    assert state is not None
    return state


def due(payment_id: str) -> DueLook:
    return DueLook(
        payment_id=payment_id,
        tenant_id="demo",
        last_change_at=NOON - timedelta(hours=1),
        looks=0,
        claimed_until=NOON + timedelta(minutes=3),
    )
