"""Payments as the aggregate would tell them: any history that commands can cause."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from hypothesis import strategies as st

from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.aggregates import payment_commands as commands
from payment_gateway.domain.aggregates.payment import decide
from payment_gateway.domain.aggregates.payment_parts import NOT_SENT
from payment_gateway.domain.aggregates.payment_state import Payment, evolve
from payment_gateway.domain.errors import DomainError
from payment_gateway.domain.events.payment import PaymentEvent
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_details import PaymentDetailsVO
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.event_types import encode

NUMBER: Final = ExternalReferenceNumberVO("ERN-1770091506789001")
PAYMENT_ID: Final = PaymentIdVO.of(NUMBER)
AMOUNT: Final = PaymentAmountVO(100_00, "USD")
STEPS_MAX: Final = 25
START: Final = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)

INITIATE: Final = commands.InitiatePayment(
    payment_id=PAYMENT_ID,
    tenant_id=TenantIdVO("acme"),
    external_reference=NUMBER,
    order_id="order-1",
    details=PaymentDetailsVO.whole(AMOUNT, "Ticket"),
    provider=ProviderTypeVO("PAYPAL"),
    fallback_providers=(ProviderTypeVO("PAGADITO"),),
    allow_pending=True,
    return_url=None,
    cancel_url=None,
    subject_id="subject",
    personal="sealed",
    fingerprint="f",
)

Next = Callable[[Payment, int], commands.PaymentCommand]


def _refund_id(payment: Payment, pick: int) -> str:
    known = sorted(payment.refunds)
    return known[pick % len(known)]


def _attempt_id(payment: Payment, pick: int) -> str:
    current = payment.attempt.attempt_id if payment.attempt else "none"
    return current if pick % 4 else payment.next_attempt_id


ANY_TIME: Final[tuple[Next, ...]] = (
    lambda p, n: commands.StartProviderAttempt(
        payment_id=p.payment_id,
        attempt_id=p.next_attempt_id,
        provider=ProviderTypeVO(("PAYPAL", "PAGADITO")[n % 2]),
        handle=None,
    ),
    lambda p, n: commands.RecordCheckout(
        payment_id=p.payment_id,
        attempt_id=_attempt_id(p, n),
        provider_order_id=f"order-{p.attempts}",
        checkout_url="https://provider.example/pay",
        expires_at=START + timedelta(hours=3),
    ),
    lambda p, n: commands.RecordAttemptFailure(
        payment_id=p.payment_id, attempt_id=_attempt_id(p, n), proof="refused", reason="NO"
    ),
    lambda p, _: commands.RequestCapture(payment_id=p.payment_id, capture_id=p.next_capture_id),
    lambda p, n: commands.RecordCompletion(
        payment_id=p.payment_id,
        provider_reference=f"capture-{n % 2}",
        captured=None if n % 8 else PaymentAmountVO(1_00, "USD"),
    ),
    lambda p, n: commands.RecordPending(
        payment_id=p.payment_id, provider_reference=f"c-{n}" if n % 2 else None, reason="REVIEW"
    ),
    lambda p, _: commands.RecordCaptureDecline(
        payment_id=p.payment_id, capture_id=p.next_capture_id, reason="DECLINED"
    ),
    lambda p, n: commands.RecordUnknownOutcome(
        payment_id=p.payment_id,
        operation="capture" if n % 2 else "checkout",
        intent_id=p.next_capture_id if n % 2 else _attempt_id(p, n),
        reason="ReadTimeout",
    ),
    lambda p, n: commands.RecordProviderRefund(
        payment_id=p.payment_id,
        provider_reference=f"theirs-{n % 3}",
        amount=PaymentAmountVO(n * 5_00 + 1, "USD"),
    ),
    lambda p, n: commands.RecordDisputeOpened(
        payment_id=p.payment_id,
        dispute_id=f"dispute-{n % 3}",
        amount=PaymentAmountVO(n * 5_00 + 1, "USD") if n % 2 else None,
        reason="UNAUTHORISED",
    ),
    lambda p, n: commands.RecordDisputeClosed(
        payment_id=p.payment_id, dispute_id=f"dispute-{n % 3}", outcome="ACCEPTED"
    ),
    lambda p, n: commands.RecordDifference(
        payment_id=p.payment_id, subject="status", ours=p.status, theirs=f"other-{n % 3}"
    ),
    lambda p, _: commands.CallOperator(
        payment_id=p.payment_id, refund_id=None, reason="nobody knows"
    ),
    lambda p, n: commands.AnswerAsOperator(
        payment_id=p.payment_id,
        refund_id=None,
        answer="completed" if n % 2 else "failed",
        provider_reference="C-1",
        note="seen",
    ),
    lambda p, n: commands.RequestRefund(
        payment_id=p.payment_id,
        refund_id=f"refund-{n % 5}",
        amount=PaymentAmountVO(n * 7_00 + 1, "USD") if n % 3 else None,
        reason="damaged" if n % 2 else None,
    ),
)
# Each is offered half as often as the others: it ends most histories.
ENDINGS: Final[tuple[Next, ...]] = (
    lambda p, _: commands.CancelPayment(payment_id=p.payment_id, reason="changed mind"),
    lambda p, _: commands.RecordFailure(payment_id=p.payment_id, reason="REFUSED"),
    lambda p, _: commands.RecordExpiry(payment_id=p.payment_id),
    lambda p, _: commands.RecordCancellation(payment_id=p.payment_id, reason="payer"),
)
WITH_REFUNDS: Final[tuple[Next, ...]] = (
    lambda p, n: commands.RecordRefund(
        payment_id=p.payment_id, refund_id=_refund_id(p, n), provider_reference=f"r-{n}"
    ),
    lambda p, n: commands.RecordRefundPending(
        payment_id=p.payment_id, refund_id=_refund_id(p, n), provider_reference=f"r-{n}"
    ),
    lambda p, n: commands.RecordRefundFailure(
        payment_id=p.payment_id,
        refund_id=_refund_id(p, n),
        reason="REFUSED" if n % 2 else NOT_SENT,
    ),
    # All that is left, or the same again where it never left.
    lambda p, n: commands.RequestRefund(
        payment_id=p.payment_id, refund_id=_refund_id(p, n), amount=None, reason=None
    ),
    lambda p, n: commands.CallOperator(
        payment_id=p.payment_id, refund_id=_refund_id(p, n), reason="nobody knows"
    ),
    lambda p, n: commands.AnswerAsOperator(
        payment_id=p.payment_id,
        refund_id=_refund_id(p, n),
        answer="refund_completed" if n % 2 else "refund_failed",
        provider_reference=f"r-{n}",
        note="seen",
    ),
    lambda p, n: commands.RecordUnknownOutcome(
        payment_id=p.payment_id,
        operation="refund",
        intent_id=_refund_id(p, n),
        reason="ReadTimeout",
    ),
)


def _tell(picks: Sequence[tuple[int, int]]) -> list[PaymentEvent]:
    events = decide(INITIATE, None)
    payment = evolve(None, events[0])
    for which, pick in picks:
        offered = [*ANY_TIME * 2, *ENDINGS, *(WITH_REFUNDS * 3 if payment.refunds else ())]
        try:
            caused = decide(offered[which % len(offered)](payment, pick), payment)
        except DomainError:
            continue
        for event in caused:
            payment = evolve(payment, event)
        events += caused
    return events


def histories() -> st.SearchStrategy[list[PaymentEvent]]:
    """Histories that begin with ``PaymentInitiated`` and go on as commands may have it."""
    picks = st.tuples(st.integers(0, 99), st.integers(0, 15))
    # Begin in the middle as often as at the start: what can happen differs from place to place.
    refunded = [(0, 1), (1, 1), (3, 0), (4, 1), (8, 1), (22, 0), (8, 3)]
    starts = [refunded[:steps] for steps in range(len(refunded) + 1)]
    return st.builds(
        lambda start, rest: _tell([*start, *rest]),
        st.sampled_from(starts),
        st.lists(picks, max_size=STEPS_MAX),
    )


def recorded(
    event: PaymentEvent,
    revision: int,
    *,
    position: int | None = None,
    tenant_id: str = "acme",
    at: datetime | None = None,
) -> RecordedEvent:
    """Return an event with a place in the log; a second passes with each revision."""
    return RecordedEvent(
        event=event,
        type=encode(event)[0],
        event_id=f"event-{revision}",
        stream=f"payment-{event.payment_id}",
        revision=revision,
        position=revision + 1 if position is None else position,
        context=CommandContext(
            tenant_id=tenant_id,
            actor="key-1",
            correlation_id="cor",
            at=at or START + timedelta(seconds=revision),
        ),
    )


def record_all(events: Sequence[PaymentEvent]) -> list[RecordedEvent]:
    """Return a history with the places that a stream of its own would give it."""
    return [recorded(event, revision) for revision, event in enumerate(events)]
