"""Where a provider's books say something else, that is recorded and nothing else is changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import structlog
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from payment_gateway.application.commands.reconcile_payment import (
    Difference,
    compare,
    reconcile_payment,
)
from payment_gateway.application.commands.recover_payment import INTENT_AGE_MIN
from payment_gateway.application.ports import (
    Absent,
    AwaitingPayer,
    CancelledByPayer,
    Captured,
    Declined,
    Expired,
    Held,
    QueueUnavailable,
    Standing,
)
from payment_gateway.application.sagas.nightly_reconciliation import NightlyReconciliation
from payment_gateway.application.sagas.reconciliation import RECENT, reconcile
from payment_gateway.domain.aggregates.payment_state import fold
from payment_gateway.domain.errors import ProviderUnavailableError
from payment_gateway.domain.events.payment import (
    OperatorNeededEvent,
    PaymentEvent,
    PaymentExpiredEvent,
    PaymentPendingEvent,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from tests.fake_provider import Order
from tests.unit.application.gateway_fixture import NOON, PRICE, Shop
from tests.unit.application.steps import approved, complete, paid, recover, refund
from tests.unit.domain.payment_examples import (
    AWAITING,
    CAPTURE,
    CAPTURING,
    ID,
    PAID,
    refund_completed,
    refund_requested,
    unknown,
)

HELD = PaymentPendingEvent(payment_id=ID.value, provider_reference="CAP1", reason="REVIEW")
EXPIRED = PaymentExpiredEvent(payment_id=ID.value)
ASKED = OperatorNeededEvent(
    payment_id=ID.value,
    question="payment",
    refund_id=None,
    reason="silence",
    provider_reference=None,
    captured_minor=None,
    currency=None,
)
IN_DOUBT = (*AWAITING, CAPTURING, unknown("capture", CAPTURE))
NOTHING: tuple[Standing, ...] = (
    AwaitingPayer(),
    CancelledByPayer(),
    Expired(),
    Absent(),
    Declined(reason="NO", recoverable=False),
)


def taken(amount_minor: int = 19_99, refunded_minor: int | None = 0) -> Captured:
    refunded = None if refunded_minor is None else PaymentAmountVO(refunded_minor, "USD")
    amount = PaymentAmountVO(amount_minor, "USD")
    return Captured(reference="CAP1", amount=amount, refunded=refunded)


def found(history: Sequence[PaymentEvent], standing: Standing) -> list[tuple[str, str, str]]:
    payment = fold(history)
    assert payment is not None
    return [(one.subject, one.ours, one.theirs) for one in compare(payment, standing)]


class TestCompare:
    @pytest.mark.parametrize("standing", NOTHING)
    @pytest.mark.parametrize("history", [AWAITING, IN_DOUBT, (*AWAITING, EXPIRED)])
    def test_no_money_here_and_none_there(
        self, history: tuple[PaymentEvent, ...], standing: Standing
    ) -> None:
        assert found(history, standing) == []

    def test_the_same_money(self) -> None:
        assert found(PAID, taken()) == []
        assert found(PAID, replace(taken(), amount=None, refunded=None)) == []

    def test_held_here_and_there(self) -> None:
        assert found((*AWAITING, CAPTURING, HELD), Held(reference="CAP1", reason="R")) == []

    @pytest.mark.parametrize(
        ("history", "ours"),
        [
            (AWAITING, "AWAITING_PAYER"),
            (IN_DOUBT, "UNKNOWN"),
            ((*AWAITING, EXPIRED), "EXPIRED"),
            ((*IN_DOUBT, ASKED), "NEEDS_OPERATOR"),
            ((*AWAITING, CAPTURING, HELD), "PENDING"),
        ],
    )
    def test_money_that_only_they_know_of(
        self, history: tuple[PaymentEvent, ...], ours: str
    ) -> None:
        assert found(history, taken()) == [("status", ours, "CAPTURED")]

    @pytest.mark.parametrize("standing", [*NOTHING, Held(reference=None, reason="R")])
    def test_money_that_only_we_know_of(self, standing: Standing) -> None:
        ((subject, ours, _),) = found(PAID, standing)
        assert (subject, ours) == ("status", "COMPLETED")

    def test_another_amount(self) -> None:
        assert found(PAID, taken(20_00)) == [("captured", "19.99 USD", "20.00 USD")]

    @pytest.mark.parametrize(
        ("theirs", "differs"), [(0, True), (4_99, True), (5_00, False), (7_00, False), (7_01, True)]
    )
    def test_refunds_count_and_one_under_way_may(self, theirs: int, differs: bool) -> None:
        refunds = (
            refund_requested(5_00),
            refund_completed(5_00),
            refund_requested(2_00, "r2"),
        )
        told = found((*PAID, *refunds), taken(refunded_minor=theirs))
        assert [subject for subject, _, _ in told] == (["refunded"] if differs else [])


async def compared(shop: Shop, payment_id: PaymentIdVO) -> list[Difference] | None:
    return await reconcile_payment(payment_id, shop.context, shop.gateway)


class TestPayment:
    async def test_a_refund_made_at_the_provider_is_found_and_recorded_once(
        self, shop: Shop
    ) -> None:
        payment_id = await paid(shop)
        shop.provider.refunds["by hand"] = PaymentAmountVO(3_00, "USD")
        for _ in range(2):
            (difference,) = await compared(shop, payment_id) or []
            assert (difference.ours, difference.theirs) == ("0.00 USD", "3.00 USD")
        history = await shop.history(payment_id)
        assert history.count("ReconciliationDifferenceFound") == 1
        payment = await shop.payment(payment_id)
        assert (payment.status, payment.refunded.amount_minor) == (PaymentStatusVO.COMPLETED, 0)

    async def test_what_agrees_leaves_nothing(self, shop: Shop) -> None:
        payment_id = await paid(shop)
        await refund(shop, payment_id)
        history = await shop.history(payment_id)
        assert await compared(shop, payment_id) == []
        assert await shop.history(payment_id) == history

    async def test_money_turns_up_at_a_provider_that_was_proven_to_hold_none(
        self, shop: Shop
    ) -> None:
        """Rather this than never: the payer has paid the first provider, and can pay the second."""
        shop.direct.fail("create", "lost_before")
        payment_id = (await shop.initiate("PAGADITO", "PAYPAL")).state.payment_id
        shop.later(seconds=INTENT_AGE_MIN.total_seconds() + 1)
        await recover(shop, payment_id)
        payment = await shop.payment(payment_id)
        assert payment.provider == "PAYPAL"
        assert await compared(shop, payment_id) == []

        (left,) = payment.attempts_left
        assert left.handle is not None
        shop.direct.orders[left.handle] = Order(PRICE)
        shop.direct.approve(left.handle)
        for _ in range(2):
            (difference,) = await compared(shop, payment_id) or []
            assert (difference.provider, difference.subject, difference.ours) == (
                "PAGADITO",
                "attempt",
                "attempt 1 at PAGADITO holds nothing",
            )
            assert difference.theirs == "CAPTURED 19.99 USD"
        history = await shop.history(payment_id)
        assert history.count("ReconciliationDifferenceFound") == 1

    async def test_a_provider_that_never_heard_of_the_payment_is_not_asked(
        self, shop: Shop
    ) -> None:
        shop.direct.fail("create", "not_sent")
        payment_id = (await shop.initiate("PAGADITO", "PAYPAL")).state.payment_id
        asked = len(shop.direct.calls)

        assert await compared(shop, payment_id) == []
        assert len(shop.direct.calls) == asked

    async def test_without_a_checkout_there_is_nothing_to_compare(self, shop: Shop) -> None:
        shop.provider.fail("create", "lost_after")
        payment_id = (await shop.initiate()).state.payment_id
        assert await compared(shop, payment_id) is None

    async def test_a_provider_that_gives_no_answer_is_no_difference(self, shop: Shop) -> None:
        payment_id = await paid(shop)
        shop.provider.fail("inquire", "lost_before")
        with pytest.raises(ProviderUnavailableError):
            await compared(shop, payment_id)

    async def test_what_changed_while_the_provider_was_asked_is_no_difference(
        self, shop: Shop
    ) -> None:
        payment_id = await approved(shop)
        real = shop.provider.inquire

        async def slow(checkout: Any) -> Standing:
            shop.provider.inquire = real  # type: ignore[method-assign] # asked once is enough
            await complete(shop, payment_id)
            return await real(checkout)

        shop.provider.inquire = slow  # type: ignore[method-assign] # the race is arranged here
        assert await compared(shop, payment_id) is None
        assert "ReconciliationDifferenceFound" not in await shop.history(payment_id)


@dataclass(frozen=True)
class Ref:
    payment_id: str
    tenant_id: str = "demo"


async def pages_of(*ids: str) -> AsyncIterator[Sequence[Ref]]:
    yield [Ref(one) for one in ids]


class TestRun:
    async def test_counts_what_it_compared_and_what_it_could_not(self, shop: Shop) -> None:
        payment_id = await paid(shop)
        shop.provider.refunds["by hand"] = PRICE
        missing = "00000000-0000-0000-0000-000000000000"
        run = await reconcile(pages_of(payment_id.value, missing), shop.gateway)
        assert (run.compared, run.failed, len(run.differences)) == (1, 1, 1)
        assert not run.agrees

    async def test_each_line_says_of_which_payment_it_is_and_in_which_comparison(
        self, shop: Shop
    ) -> None:
        missing = "00000000-0000-0000-0000-000000000000"
        with capture_logs(processors=[merge_contextvars]) as lines:
            await reconcile(pages_of(missing), shop.gateway)
            structlog.get_logger().info("afterwards")

        refused, after = lines
        ids = {"tenant_id": "demo", "payment_id": missing}
        assert refused.items() >= {"event": "reconciliation.not_compared", **ids}.items()
        assert str(UUID(refused["correlation_id"])) == refused["correlation_id"]
        assert after.keys() == {"event", "log_level"}

    async def test_agrees_where_there_is_no_difference(self, shop: Shop) -> None:
        run = await reconcile(pages_of((await paid(shop)).value), shop.gateway)
        assert run.agrees


@dataclass
class ListLease:
    """A lease in memory, shared by the processes of one test."""

    done: list[datetime] = field(default_factory=list)
    held: bool = False
    lost: bool = False

    async def take(self, now: datetime) -> bool:
        if self.held or any(one.date() == now.date() for one in self.done):
            return False
        self.held = True
        return True

    async def renew(self, now: datetime) -> bool:
        return not self.lost

    async def finish(self, now: datetime) -> None:
        self.held = False
        self.done.append(now)


class TestNightly:
    @pytest.fixture
    def asked(self) -> list[tuple[str, datetime, datetime]]:
        return []

    def nightly(
        self, shop: Shop, lease: ListLease, asked: list[tuple[str, datetime, datetime]]
    ) -> NightlyReconciliation:
        def pages(provider: str, since: datetime, before: datetime) -> AsyncIterator[Sequence[Ref]]:
            asked.append((provider, since, before))
            return pages_of("00000000-0000-0000-0000-000000000000")

        return NightlyReconciliation(
            lease=lease, pages=pages, providers=("A", "B"), hour=3, gateway=shop.gateway
        )

    async def test_is_done_once_a_day_for_each_provider(self, shop: Shop, asked: Any) -> None:
        nightly = self.nightly(shop, ListLease(), asked)
        assert await nightly.run_if_due()
        assert asked == [(one, NOON - RECENT, NOON) for one in ("A", "B")]
        assert not await nightly.run_if_due()
        shop.now += timedelta(days=1)
        assert await nightly.run_if_due()

    async def test_waits_for_its_hour(self, shop: Shop, asked: Any) -> None:
        shop.now = NOON.replace(hour=2, minute=59)
        assert not await self.nightly(shop, ListLease(), asked).run_if_due()

    async def test_stops_where_another_process_has_taken_over(self, shop: Shop, asked: Any) -> None:
        lease = ListLease(lost=True)
        with pytest.raises(QueueUnavailable):
            await self.nightly(shop, lease, asked).run_if_due()
        assert lease.done == []
