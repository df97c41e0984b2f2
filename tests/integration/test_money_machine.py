"""For any sequence of commands, faults, crashes and payers: no money is lost or taken twice.

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
from tests.integration.money_world import FAULTS, OPERATIONS, PROVIDERS, Provider, World, open_world

Result = TypeVar("Result")

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

    urls: tuple[str, str]
    key_file: Path

    @initialize()
    def open(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.world: World = self.do(
            self.stack.enter_async_context(open_world(*self.urls, self.key_file))
        )

    def do(self, work: Awaitable[Result]) -> Result:
        return self.loop.run_until_complete(_within(work))

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

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self.do(self.settle())
            self.do(self.compare_books())
        finally:
            self.do(self.stack.aclose())
            self.loop.close()

    async def settle(self) -> None:
        """End all faults and let the recovery do its work until nothing is left to do."""
        self.world.store.crash_in = None
        await self.world.mend()
        for seconds in (90, 400, 90, 7 * 3600, 25 * 3600, 25 * 3600):
            await self.world.let_time_pass(seconds=seconds)
            for payment_id in self.world.ids:
                await self.world.recover(payment_id)

    async def compare_books(self) -> None:
        for payment_id in self.world.ids:
            captures, taken, given_back = await self.world.taken_and_given_back(payment_id)
            payment = await self.world.payment(payment_id)
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


@pytest.mark.timeout(3600)
def test_money(urls: tuple[str, str], tmp_path: Path) -> None:
    nightly = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
    MoneyMachine.urls, MoneyMachine.key_file = urls, tmp_path / "gateway.key"
    run_state_machine_as_test(
        MoneyMachine,
        settings=settings(max_examples=2_000 if nightly else 100, stateful_step_count=25),
    )
