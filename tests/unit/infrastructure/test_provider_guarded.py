"""A provider with its guards: what is tried again, what is counted, how long it may take at most."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import stamina

from payment_gateway.application.ports import (
    Captured,
    CheckoutOpened,
    CheckoutReference,
    CheckoutRequest,
    ProviderOutcomeUnknown,
    ProviderUnavailable,
    RefundRequest,
    Standing,
)
from payment_gateway.domain.errors import InvalidValue, RefundNotSupported
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.infrastructure.providers import http
from payment_gateway.infrastructure.providers.unavailable import BulkheadFull, CircuitOpen
from payment_gateway.infrastructure.resilience.bulkhead import Bulkhead
from payment_gateway.infrastructure.resilience.call_records import (
    Account,
    CallSummary,
    InMemoryCallRecords,
)
from payment_gateway.infrastructure.resilience.guarded_provider import GuardedProvider, Guards
from payment_gateway.infrastructure.resilience.retries import RetryPolicy
from tests.fake_provider import FakeProvider

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
ACCOUNT = Account("demo", "PAYPAL")
USD = PaymentAmountVO(10_00, "USD")
CHECKOUT = CheckoutReference(payment_id="p", provider_order_id="O-a", handle="h", amount=USD)


def checkout_request(currency: str = "USD") -> CheckoutRequest:
    return CheckoutRequest(
        payment_id="p",
        attempt_id="a",
        reference_number="ERN-1",
        handle=None,
        amount=PaymentAmountVO(10_00, currency),
        lines=(),
        allow_pending=False,
        return_url="https://gateway.test/return",
        cancel_url="https://gateway.test/cancel",
    )


@dataclass
class Guarded:
    """A guarded provider, what it remembers, and the currencies it was asked about."""

    inner: FakeProvider = field(default_factory=FakeProvider)
    bulkhead: Bulkhead = field(
        default_factory=lambda: Bulkhead(calls_max=1, waiting_max=0, wait_s_max=1)
    )
    records: InMemoryCallRecords = field(default_factory=InMemoryCallRecords)
    currencies: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        def bulkhead_for(currency: str) -> Bulkhead:
            self.currencies.append(currency)
            return self.bulkhead

        guards = Guards(
            account=ACCOUNT,
            bulkhead_for=bulkhead_for,
            retry_policy=RetryPolicy(tries_max=3, time_s_max=5),
            records=self.records,
            now=lambda: NOON,
        )
        self.provider = GuardedProvider(self.inner, guards)

    async def summary(self) -> CallSummary:
        return await self.records.summary(ACCOUNT, NOON)


@pytest.fixture(autouse=True)
def without_waiting() -> object:
    with stamina.set_testing(True, attempts=3):
        yield


async def test_every_call_reaches_the_provider_and_is_counted() -> None:
    guarded = Guarded()

    opened = await guarded.provider.create_checkout(checkout_request())
    assert isinstance(opened, CheckoutOpened)
    await guarded.provider.inquire(CHECKOUT)
    guarded.inner.approve("O-a")
    captured = await guarded.provider.capture(CHECKOUT, capture_id="c")
    assert isinstance(captured, Captured)
    refund = RefundRequest(
        payment_id="p",
        refund_id="r",
        capture_reference=captured.reference,
        amount=USD,
        reason=None,
    )
    await guarded.provider.refund(refund)

    assert guarded.inner.calls == ["create", "inquire", "capture", "refund"]
    assert guarded.currencies == ["USD"] * 4
    summary = await guarded.summary()
    assert (summary.last_hour.calls, summary.last_hour.success_rate) == (4, 1.0)
    assert summary.last_failure is None


async def test_what_never_left_is_tried_again_and_each_try_is_counted() -> None:
    guarded = Guarded()
    guarded.inner.fail("create", "not_sent", "not_sent")

    assert isinstance(await guarded.provider.create_checkout(checkout_request()), CheckoutOpened)

    assert guarded.inner.calls == ["create"] * 3
    summary = await guarded.summary()
    assert (summary.last_hour.calls, summary.last_hour.success_rate) == (3, 0.3333)
    assert summary.last_failure is not None
    assert (summary.last_failure.at, summary.last_failure.reason) == (NOON, "connection refused")


@pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
async def test_what_is_in_doubt_is_asked_once(fault: str) -> None:
    guarded = Guarded()
    guarded.inner.fail("create", "lost_before" if fault == "lost_before" else "lost_after")

    with pytest.raises(ProviderOutcomeUnknown):
        await guarded.provider.create_checkout(checkout_request())

    assert guarded.inner.calls == ["create"]


async def test_a_doubt_after_a_try_that_never_left_stays_a_doubt() -> None:
    guarded = Guarded()
    guarded.inner.fail("create", "not_sent", "lost_after", "not_sent")

    with pytest.raises(ProviderOutcomeUnknown):
        await guarded.provider.create_checkout(checkout_request())

    assert guarded.inner.calls == ["create"] * 2


async def test_a_no_is_an_answer() -> None:
    guarded = Guarded()
    guarded.inner.fail("create", "refused")

    await guarded.provider.create_checkout(checkout_request())

    assert (await guarded.summary()).last_hour.success_rate == 1.0


async def test_an_open_circuit_is_no_call_and_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    guarded = Guarded()

    async def refuse(*_: object) -> Standing:
        raise CircuitOpen("circuit open", retry_after_s=3)

    monkeypatch.setattr(guarded.inner, "inquire", refuse)

    with pytest.raises(ProviderUnavailable) as refused:
        await guarded.provider.inquire(CHECKOUT)

    assert refused.value.retry_after_s == 3
    assert (await guarded.summary()).last_hour.calls == 0


async def test_a_full_compartment_calls_nobody() -> None:
    guarded = Guarded()
    async with guarded.bulkhead.place():
        with pytest.raises(BulkheadFull):
            await guarded.provider.inquire(CHECKOUT)

    assert guarded.inner.calls == []
    assert (await guarded.summary()).last_hour.calls == 0


async def test_all_tries_together_take_no_longer_than_one_call_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    guarded = Guarded()
    monkeypatch.setattr(http, "OPERATION_S_MAX", 0.02)

    async def never(*_: object) -> Standing:
        await asyncio.Event().wait()
        raise AssertionError("cancelled before")

    monkeypatch.setattr(guarded.inner, "inquire", never)

    with pytest.raises(ProviderOutcomeUnknown, match="inquire: not done in time"):
        await guarded.provider.inquire(CHECKOUT)

    failure = (await guarded.summary()).last_failure
    assert failure is not None
    assert failure.reason == "inquire: not done in time"


async def test_what_is_refused_before_anything_is_sent_is_not_counted() -> None:
    guarded = Guarded(inner=FakeProvider(captures_on_approval=True))
    with pytest.raises(InvalidValue):
        guarded.provider.check(checkout_request("EUR"))
    refund = RefundRequest(
        payment_id="p",
        refund_id="r",
        capture_reference="C",
        amount=USD,
        reason=None,
    )
    with pytest.raises(RefundNotSupported):
        await guarded.provider.refund(refund)

    assert (await guarded.summary()).last_hour.calls == 0


async def test_preparing_is_guarded_where_it_calls_the_provider() -> None:
    direct = Guarded(inner=FakeProvider(captures_on_approval=True))
    direct.inner.fail("prepare", "not_sent")
    assert await direct.provider.prepare("USD") == "T2"
    assert (await direct.summary()).last_hour.calls == 2

    on_demand = Guarded()
    assert await on_demand.provider.prepare("USD") is None
    assert (await on_demand.summary()).last_hour.calls == 0
    assert on_demand.provider.capabilities == on_demand.inner.capabilities


async def test_a_rate_is_asked_for_again_where_none_came_and_counted() -> None:
    guarded = Guarded(inner=FakeProvider(captures_on_approval=True))
    guarded.inner.fail("exchange_rate", "not_sent")

    assert await guarded.provider.exchange_rate("GTQ") == Decimal("7.70")

    assert guarded.currencies == ["GTQ"]
    assert (await guarded.summary()).last_hour.calls == 2
