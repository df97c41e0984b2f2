"""For any sequence of commands, faults, crashes, payers and notifications: no money is lost or taken twice.

The adapters are the real ones and the simulators are processes that misbehave; the gateway may end at any
append. ``HYPOTHESIS_PROFILE=nightly`` tries many more sequences (``make test-nightly``).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO, RefundStatusVO
from tests.contracts.provider_sandbox import simulator
from tests.integration.money_providers import Surroundings, open_surroundings
from tests.integration.money_world import (
    FAULTS,
    OPERATIONS,
    PROVIDERS,
    Provider,
    World,
    open_world,
)

Result = TypeVar("Result")
NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
EXAMPLES = 2_000 if NIGHTLY else 100
WITHIN_S = 3 * 3600 if NIGHTLY else 900
# By then a notification that could not be applied is parked.
RETRIED_AFTER_HOURS = (1, 6, 24)

FINAL = {
    PaymentStatusVO.COMPLETED,
    PaymentStatusVO.PARTIALLY_REFUNDED,
    PaymentStatusVO.REFUNDED,
    PaymentStatusVO.FAILED,
    PaymentStatusVO.CANCELLED,
    PaymentStatusVO.EXPIRED,
}
faults = st.sampled_from(PROVIDERS).flatmap(
    lambda provider: st.tuples(
        st.just(provider), st.sampled_from(OPERATIONS[provider]), st.sampled_from(FAULTS)
    )
)


class MoneyMachine(RuleBasedStateMachine):
    """Rules are what people, providers and power cuts do; the books are compared at the end."""

    runner: asyncio.Runner
    around: Surroundings

    @initialize()
    def open(self) -> None:
        self.world: World = self.do(open_world(self.around))

    def do(self, work: Awaitable[Result]) -> Result:
        return self.runner.run(_within(work))

    def has_payments(self) -> bool:
        return bool(self.world.ids)

    def one(self, pick: int) -> Any:
        return self.world.ids[pick % len(self.world.ids)]

    @rule(provider=st.sampled_from(PROVIDERS))
    def an_order_comes_in(self, provider: Provider) -> None:
        self.do(self.world.initiate(provider))

    @rule(provider=st.sampled_from(PROVIDERS))
    def an_order_comes_in_and_its_payer_pays(self, provider: Provider) -> None:
        self.do(self.world.initiate(provider))
        self.do(self.world.pay(self.world.ids[-1]))

    @rule(provider=st.sampled_from(PROVIDERS), minor=st.sampled_from([1, 12_00, 19_99]))
    def an_order_is_paid_and_partly_given_back(self, provider: Provider, minor: int) -> None:
        self.an_order_comes_in_and_its_payer_pays(provider)
        self.do(self.world.complete(self.world.ids[-1]))
        self.do(self.world.refund(self.world.ids[-1], minor, "r1"))

    @precondition(has_payments)
    @rule(pick=st.integers(0, 9))
    def the_payer_pays(self, pick: int) -> None:
        self.do(self.world.pay(self.one(pick)))

    @precondition(has_payments)
    @rule(pick=st.integers(0, 9), at_once=st.sampled_from([1, 1, 5]))
    def it_is_completed(self, pick: int, at_once: int) -> None:
        self.do(self.world.complete(self.one(pick), at_once))

    @precondition(has_payments)
    @rule(pick=st.integers(0, 9))
    def it_is_called_off(self, pick: int) -> None:
        self.do(self.world.cancel(self.one(pick)))

    @precondition(has_payments)
    @rule(
        pick=st.integers(0, 9),
        minor=st.sampled_from([1, 5_00, 12_00, 19_99, 20_00]),
        refund_id=st.sampled_from(["r1", "r2", "r3"]),
    )
    def money_is_asked_back(self, pick: int, minor: int, refund_id: str) -> None:
        self.do(self.world.refund(self.one(pick), minor, refund_id))

    @rule(fault=faults)
    def a_provider_fails_next(self, fault: tuple[Provider, str, str]) -> None:
        self.do(self.world.break_next(*fault))

    @rule(appends=st.integers(1, 4), stored=st.booleans())
    def the_process_will_end(self, appends: int, stored: bool) -> None:
        self.world.store.crash_in = appends
        self.world.store.stored_first = stored

    @precondition(has_payments)
    @rule(pick=st.integers(0, 9), seconds=st.sampled_from([5, 90, 400]))
    def the_recovery_looks_at_it(self, pick: int, seconds: int) -> None:
        self.do(self.world.let_time_pass(seconds=seconds))
        self.do(self.world.recover(self.one(pick)))

    @precondition(has_payments)
    @rule(
        provider=st.sampled_from(PROVIDERS), pick=st.integers(0, 19), times=st.sampled_from([1, 3])
    )
    def a_notification_comes(self, provider: Provider, pick: int, times: int) -> None:
        """For the first time or again, in any order; those that are never picked come too late."""
        self.do(self.world.deliver(provider, pick, times=times))

    @precondition(has_payments)
    @rule(provider=st.sampled_from(PROVIDERS), pick=st.integers(0, 19))
    def a_notification_comes_and_is_applied(self, provider: Provider, pick: int) -> None:
        self.do(self.world.deliver(provider, pick))
        self.do(self.world.apply_notifications())

    @precondition(has_payments)
    @rule(provider=st.sampled_from(PROVIDERS), pick=st.integers(0, 19), payment=st.integers(0, 9))
    def a_notification_is_applied_while_the_payer_comes_back(
        self, provider: Provider, pick: int, payment: int
    ) -> None:
        self.do(self.world.deliver(provider, pick))
        self.do(_both(self.world.apply_notifications(), self.world.complete(self.one(payment))))

    @precondition(has_payments)
    @rule(
        provider=st.sampled_from(PROVIDERS),
        pick=st.integers(0, 19),
        tamper=st.sampled_from(["signature", "body", "cert_host"]),
    )
    def somebody_forges_a_notification(self, provider: Provider, pick: int, tamper: str) -> None:
        self.do(self.world.forge(provider, pick, tamper))

    @rule(seconds=st.sampled_from([0, 2, 40]))
    def the_reactor_applies_notifications(self, seconds: int) -> None:
        self.do(self.world.let_time_pass(seconds=seconds))
        self.do(self.world.apply_notifications())

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.do(self.settle())
        self.do(self.compare_books())
        before = self.do(self.states())
        self.do(self.hear_the_rest())
        self.do(self.compare_books())
        assert self.do(self.states()) == before, "what comes too late moves nothing"

    async def states(self) -> list[PaymentStatusVO | None]:
        payments = [await self.world.payment(payment_id) for payment_id in self.world.ids]
        return [payment.status if payment else None for payment in payments]

    async def hear_the_rest(self) -> None:
        """Have all notifications sent, most of them too late or again, and apply them."""
        await self.world.deliver_all()
        for hours in (0, *RETRIED_AFTER_HOURS):
            await self.world.let_time_pass(hours=hours)
            await self.world.apply_notifications()
            await self.world.apply_notifications()

    async def settle(self) -> None:
        """End all faults and let the recovery do its work until nothing is left to do."""
        self.world.store.crash_in = None
        await self.world.mend()
        for seconds in (90, 400, 90, 7 * 3600, 25 * 3600, 25 * 3600):
            await self.world.let_time_pass(seconds=seconds)
            for payment_id in self.world.ids:
                await self.world.recover(payment_id)

    async def compare_books(self) -> None:
        books = await self.world.books()
        for payment_id in self.world.ids:
            payment = await self.world.payment(payment_id)
            reference = payment.external_reference if payment else None
            captures, taken, given_back = books.of(payment_id, reference)
            if payment is None:
                assert captures == 0, "money was taken for what nobody asked for"
                continue
            assert payment.status in FINAL, f"{payment_id} is left {payment.status}"
            held = payment.captured.amount_minor if payment.captured else 0
            assert captures <= 1, "money was taken twice"
            assert taken == held, f"{payment_id}: provider took {taken}, we hold {held}"
            assert given_back == payment.refunded.amount_minor
            assert given_back <= taken
            open_refunds = {RefundStatusVO.REQUESTED, RefundStatusVO.UNKNOWN}
            assert not any(r.status in open_refunds for r in payment.refunds.values())


async def _both(first: Awaitable[None], second: Awaitable[None]) -> None:
    await asyncio.gather(first, second)


async def _within(work: Awaitable[Result]) -> Result:
    async with asyncio.timeout(60):
        return await work


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("providers")
    with (
        simulator("paypal", folder / "paypal") as paypal,
        simulator("pagadito", folder / "pagadito") as pagadito,
    ):
        yield paypal, pagadito


@pytest.mark.timeout(WITHIN_S)
def test_money(urls: tuple[str, str], tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        opening = stack.enter_async_context(open_surroundings(*urls, tmp_path / "gateway.key"))
        MoneyMachine.runner, MoneyMachine.around = runner, runner.run(_within(opening))
        try:
            run_state_machine_as_test(
                MoneyMachine,
                settings=settings(max_examples=EXAMPLES, stateful_step_count=25),
            )
        finally:
            runner.run(stack.aclose())
