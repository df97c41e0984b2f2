"""What providers were asked counts once, in the minute in which it ended."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.domain.aggregates import payment_parts
from payment_gateway.domain.events.payment import (
    CaptureDeclinedEvent,
    CaptureRequestedEvent,
    CheckoutCreatedEvent,
    OutcomeUnknownEvent,
    PaymentCancelledEvent,
    PaymentCompletedEvent,
    PaymentEvent,
    PaymentExpiredEvent,
    PaymentInitiatedEvent,
    ProviderAttemptFailedEvent,
    ProviderAttemptStartedEvent,
    ProviderRefundRecordedEvent,
    RefundCompletedEvent,
    RefundFailedEvent,
    RefundPendingEvent,
    RefundRequestedEvent,
)
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.mongodb import Document
from projections import provider_health
from projections.provider_health import MODEL, PAYMENTS, SLOTS, minute_of
from projections.read_model import Key, apply, fold
from tests.unit.projections.payment_histories import START, record_all, recorded
from tests.unit.projections.payment_logs import deliveries, logs, of_payment, tenant_of
from tests.unit.projections.test_payment_details import (
    CHECKOUT,
    COMPLETED,
    INITIATED,
    STARTED,
    refund_completed,
    refund_requested,
)

CAPTURE = CaptureRequestedEvent(payment_id="p", capture_id="c", provider_order_id="o")
LOST = OutcomeUnknownEvent(payment_id="p", operation="capture", intent_id="c", reason="timeout")
OUTCOMES = ("successes", "failures", "unknowns")
STEPS = {
    "PaymentInitiated": "initiated",
    "PaymentCompleted": "completed",
    "PaymentFailed": "failed",
    "PaymentCancelled": "cancelled",
    "PaymentExpired": "expired",
}
BEGINS = {"ProviderAttemptStarted", "CaptureRequested", "RefundRequested"}


def minutes_of(log: list[RecordedEvent]) -> list[Document]:
    kept = [one for key, one in fold(MODEL, log).items() if key.part == ""]
    return sorted(kept, key=lambda one: (one["tenantId"], one["minute"]))


def counts(*events: PaymentEvent) -> Counter[str]:
    total: Counter[str] = Counter()
    for minute in minutes_of(record_all([INITIATED, *events])):
        for one in minute["providers"].values():
            total.update({name: one[name] for name in ("successes", "failures", "unknowns")})
    return +total


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([STARTED], {}),
        ([STARTED, CHECKOUT], {"successes": 1}),
        ([STARTED, CHECKOUT, CAPTURE, COMPLETED], {"successes": 2}),
        ([STARTED, CHECKOUT, COMPLETED], {"successes": 1}),
        (
            [
                STARTED,
                CHECKOUT,
                CAPTURE,
                CaptureDeclinedEvent(payment_id="p", capture_id="c", reason="NO"),
            ],
            {"successes": 2},
        ),
        ([STARTED, CHECKOUT, CAPTURE, LOST], {"successes": 1, "unknowns": 1}),
        ([STARTED, CHECKOUT, CAPTURE, LOST, COMPLETED], {"successes": 1, "unknowns": 1}),
        (
            [
                STARTED,
                CHECKOUT,
                COMPLETED,
                refund_requested("r.$1", 1),
                refund_completed("r.$1", 1),
            ],
            {"successes": 2},
        ),
    ],
)
def test_each_thing_asked_counts_once_as_it_ended(
    events: list[PaymentEvent], expected: dict[str, int]
) -> None:
    assert counts(*events) == Counter(expected)


@pytest.mark.parametrize(
    ("proof", "expected"),
    [("not_sent", {"failures": 1}), ("refused", {"successes": 1}), ("not_asked", {})],
)
def test_an_attempt_that_failed_counts_by_its_proof(proof: str, expected: dict[str, int]) -> None:
    failed = ProviderAttemptFailedEvent(
        payment_id="p", attempt_id="a1", provider="PAYPAL", proof=proof, reason="NO"
    )

    assert counts(STARTED, failed) == Counter(expected)


def test_the_proofs_are_those_of_the_aggregate() -> None:
    assert provider_health.NOT_REACHED == payment_parts.NOT_SENT
    assert provider_health.NOT_ASKED == payment_parts.NOT_ASKED


def test_latency_is_the_time_between_the_two_events() -> None:
    (minute,) = minutes_of(record_all([INITIATED, STARTED, CHECKOUT]))

    assert minute["providers"]["PAYPAL"]["latencySumMs"] == 1000
    assert minute["providers"]["PAYPAL"]["latencies"] == {"1000": 1}


def test_a_minute_gives_way_to_the_one_that_falls_on_its_document() -> None:
    begun = recorded(STARTED, 1, at=START)
    later = START + timedelta(minutes=SLOTS)
    log = [
        recorded(INITIATED, 0, at=START),
        begun,
        recorded(CHECKOUT, 2, at=START),
        recorded(CAPTURE, 3, at=later),
        recorded(COMPLETED, 4, at=later),
    ]

    (minute,) = minutes_of(log)

    assert minute["minute"] == minute_of(later)
    assert minute["providers"]["PAYPAL"]["successes"] == 1


def test_payments_count_when_they_begin_and_end_and_money_when_it_moves() -> None:
    cancelled = PaymentCancelledEvent(payment_id="p", reason="the payer went away")
    log = record_all(
        [
            *(INITIATED, STARTED, CHECKOUT, CAPTURE, COMPLETED),
            *(refund_requested("r.$1", 1), refund_completed("r.$1", 1)),
        ]
    )

    (minute,) = minutes_of(log)
    (given_up,) = minutes_of(record_all([INITIATED, cancelled]))

    paid = {"initiated": 1, "completed": 1, "failed": 0, "cancelled": 0, "expired": 0}
    assert minute["providers"]["PAYPAL"]["payments"] == paid
    assert minute["providers"]["PAYPAL"]["amounts"] == {
        COMPLETED.currency: {"capturedMinor": COMPLETED.captured_minor, "refundedMinor": 1}
    }
    assert given_up["providers"]["PAYPAL"]["payments"] == paid | {"completed": 0, "cancelled": 1}
    assert given_up["providers"]["PAYPAL"]["amounts"] == {}


def test_a_payment_that_went_to_another_provider_ends_there() -> None:
    other = replace(STARTED, provider="PAGADITO", attempt_id="a2", attempt=2)

    (minute,) = minutes_of(record_all([INITIATED, STARTED, other, COMPLETED]))

    counts = {name: one["payments"] for name, one in minute["providers"].items()}
    assert (counts["PAYPAL"]["initiated"], counts["PAYPAL"]["completed"]) == (1, 0)
    assert (counts["PAGADITO"]["initiated"], counts["PAGADITO"]["completed"]) == (0, 1)


def moved_by(event: object) -> tuple[str, int] | None:
    match event:
        case PaymentCompletedEvent():
            return "capturedMinor", event.captured_minor
        case RefundCompletedEvent() | ProviderRefundRecordedEvent():
            return "refundedMinor", event.amount_minor
        case _:
            return None


def recounted_payments(
    history: list[RecordedEvent], minutes: dict[tuple[str, int, str | None], Counter[str]]
) -> None:
    """Count what a payment's events say of it and of its money, each in its own minute."""
    provider = currency = None
    for one in history:
        if isinstance(one.event, PaymentInitiatedEvent | ProviderAttemptStartedEvent):
            provider = one.event.provider
        currency = getattr(one.event, "currency", currency)
        step, moved = STEPS.get(one.type), moved_by(one.event)
        if step is None and moved is None:
            continue
        minute = int(one.context.at.timestamp()) // 60
        counts = minutes.setdefault((tenant_of(history), minute, provider), Counter())
        counts.update([step] if step else [])
        if moved is not None:
            counts[f"{currency} {moved[0]}"] += moved[1]


def recounted(log: list[RecordedEvent]) -> dict[tuple[str, int, str | None], Counter[str]]:
    """Count each thing that was asked by looking for its answer, payment by payment, with no state kept.

    Of minutes that fall on one document the latest counts alone.
    """
    minutes: dict[tuple[str, int, str | None], Counter[str]] = {}
    for history in of_payment(log).values():
        recounted_payments(history, minutes)
        for place, asked in enumerate(history):
            answer = next((one for one in history[place + 1 :] if concerns(one, asked)), None)
            if asked.type not in BEGINS or answer is None or answer.type in BEGINS:
                continue
            outcome = outcome_of(answer.event)
            if outcome is not None:
                provider = None
                for one in history[: place + 1]:
                    if isinstance(one.event, PaymentInitiatedEvent | ProviderAttemptStartedEvent):
                        provider = one.event.provider
                minute = int(answer.context.at.timestamp()) // 60
                counts = minutes.setdefault((tenant_of(history), minute, provider), Counter())
                took = answer.context.at - asked.context.at
                counts[outcome] += 1
                if outcome == "successes":
                    counts["latencySumMs"] += round(took.total_seconds() * 1000)
    latest: dict[tuple[str, int], int] = {}
    for tenant_id, minute, _ in minutes:
        slot = (tenant_id, minute % SLOTS)
        latest[slot] = max(minute, latest.get(slot, 0))
    return {
        (tenant_id, minute, provider): +counts
        for (tenant_id, minute, provider), counts in minutes.items()
        if latest[tenant_id, minute % SLOTS] == minute
    }


def what(recorded: RecordedEvent) -> str | None:
    """What of a payment an event is about: its checkout, its capture, one of its refunds."""
    event = recorded.event
    match event:
        case ProviderAttemptStartedEvent() | ProviderAttemptFailedEvent() | CheckoutCreatedEvent():
            return "checkout"
        case OutcomeUnknownEvent(operation="refund"):
            return event.intent_id
        case OutcomeUnknownEvent():
            return event.operation
        case RefundRequestedEvent() | RefundPendingEvent() | RefundCompletedEvent():
            return event.refund_id
        case RefundFailedEvent():
            return event.refund_id
        case (
            PaymentInitiatedEvent()
            | PaymentCancelledEvent()
            | PaymentExpiredEvent()
            | ProviderRefundRecordedEvent()
        ):
            return None  # of the payment; no answer to a call
        case _:
            return "capture" if recorded.type in MODEL.events else None


def concerns(answer: RecordedEvent, asked: RecordedEvent) -> bool:
    return what(answer) is not None and what(answer) == what(asked)


def outcome_of(event: object) -> str | None:
    match event:
        case ProviderAttemptFailedEvent(proof="not_asked"):
            return None
        case ProviderAttemptFailedEvent(proof="not_sent") | RefundFailedEvent(reason="not_sent"):
            return "failures"
        case OutcomeUnknownEvent():
            return "unknowns"
        case _:
            return "successes"


class TestAnyLog:
    @given(logs())
    def test_each_minute_is_what_its_payments_say(self, log: list[RecordedEvent]) -> None:
        shown = {
            (minute["tenantId"], minute["minute"], provider): +Counter(
                {name: counted[name] for name in (*OUTCOMES, "latencySumMs")}
                | counted["payments"]
                | {
                    f"{currency} {field}": amount
                    for currency, money in counted["amounts"].items()
                    for field, amount in money.items()
                }
            )
            for minute in minutes_of(log)
            for provider, counted in minute["providers"].items()
        }

        assert shown == recounted(log)

    @given(logs())
    def test_no_more_is_kept_of_a_tenant_than_its_minutes_and_nothing_counts_twice(
        self, log: list[RecordedEvent]
    ) -> None:
        minutes = minutes_of(log)

        assert len(minutes) <= 2 * SLOTS
        for tenant_id in {minute["tenantId"] for minute in minutes}:
            ended = sum(
                one[name]
                for minute in minutes
                if minute["tenantId"] == tenant_id
                for one in minute["providers"].values()
                for name in ("successes", "failures", "unknowns")
            )
            asked = [
                event
                for event in log
                if event.type in BEGINS and event.context.tenant_id == tenant_id
            ]
            assert ended <= len(asked)

    @given(st.data())
    def test_repeated_delivery_ends_in_the_same_documents(self, data: st.DataObject) -> None:
        log = data.draw(logs())
        documents: dict[Key, Document] = {}

        for batch in data.draw(deliveries(log)):
            for event in batch:
                documents.update(apply(MODEL, documents, event))

        assert documents == fold(MODEL, log)

    @given(logs())
    def test_only_what_was_asked_is_waited_for(self, log: list[RecordedEvent]) -> None:
        for key, document in fold(MODEL, log).items():
            if key.part == PAYMENTS:
                assert len(document["asked"]) <= len([e for e in log if e.type in BEGINS])
                what = [one["what"] for one in document["asked"]]
                assert len(what) == len(set(what))
