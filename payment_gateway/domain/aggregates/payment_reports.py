"""What happens when a payment is told what a provider said.

A report is never refused: it has happened. It is applied where it fits, ignored where it is known, and
recorded as a late fact where the payment has gone on in the meantime.
"""

from __future__ import annotations

from typing import assert_never

from payment_gateway.domain.aggregates.late_fact import late
from payment_gateway.domain.aggregates.payment_commands import (
    CallOperator,
    RecordAttemptFailure,
    RecordCancellation,
    RecordCaptureDecline,
    RecordCheckout,
    RecordCompletion,
    RecordDifference,
    RecordDisputeClosed,
    RecordDisputeOpened,
    RecordExpiry,
    RecordFailure,
    RecordPending,
    RecordProviderRefund,
    RecordRefund,
    RecordRefundFailure,
    RecordRefundPending,
    RecordUnknownOutcome,
    Report,
)
from payment_gateway.domain.aggregates.payment_operator import OPEN, call_operator
from payment_gateway.domain.aggregates.payment_refund_reports import (
    decide_dispute_report,
    decide_refund_report,
)
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.events.payment import (
    CaptureDeclinedEvent,
    CheckoutCreatedEvent,
    OperatorNeededEvent,
    OutcomeUnknownEvent,
    PaymentCancelledEvent,
    PaymentCompletedEvent,
    PaymentEvent,
    PaymentExpiredEvent,
    PaymentFailedEvent,
    PaymentPendingEvent,
    ProviderAttemptFailedEvent,
    ReconciliationDifferenceFoundEvent,
)
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO, RefundStatusVO


def decide_report(report: Report, payment: Payment) -> list[PaymentEvent]:
    """Return what a report causes; an empty list where it is known already."""
    match report:
        case (
            RecordRefund() | RecordRefundPending() | RecordRefundFailure() | RecordProviderRefund()
        ):
            return decide_refund_report(report, payment)
        case RecordDisputeOpened() | RecordDisputeClosed():
            return decide_dispute_report(report, payment)
        case CallOperator():
            return call_operator(report, payment)
        case RecordDifference():
            return _difference(report, payment)
        case RecordCheckout() | RecordAttemptFailure():
            return _attempt(report, payment)
        case RecordUnknownOutcome():
            return _unknown_outcome(report, payment)
        case RecordCompletion():
            return _completion(report, payment)
        case RecordPending():
            return _pending(report, payment)
        case RecordCaptureDecline():
            return _capture_decline(report, payment)
        case RecordFailure() | RecordExpiry() | RecordCancellation():
            return _ending(report, payment)
        case _:
            assert_never(report)


def _attempt(report: RecordCheckout | RecordAttemptFailure, payment: Payment) -> list[PaymentEvent]:
    attempt = payment.attempt
    current = payment.has_open_attempt and attempt and attempt.attempt_id == report.attempt_id
    match report:
        case RecordCheckout():
            known = payment.checkout
            if known and known.provider_order_id == report.provider_order_id:
                return []
            if not current or payment.status not in OPEN:
                return late("checkout", payment, reference=report.provider_order_id)
            return [
                CheckoutCreatedEvent(
                    payment_id=payment.payment_id.value,
                    attempt_id=report.attempt_id,
                    provider=payment.provider,
                    provider_order_id=report.provider_order_id,
                    checkout_url=report.checkout_url,
                    expires_at=report.expires_at,
                )
            ]
        case RecordAttemptFailure():
            if not current:
                return []
            return [
                ProviderAttemptFailedEvent(
                    payment_id=payment.payment_id.value,
                    attempt_id=report.attempt_id,
                    provider=payment.provider,
                    proof=report.proof,
                    reason=report.reason,
                )
            ]
        case _:
            assert_never(report)


def _completion(report: RecordCompletion, payment: Payment) -> list[PaymentEvent]:
    captured = report.captured or payment.amount
    settled = payment.captured is not None or payment.status is PaymentStatusVO.NEEDS_OPERATOR
    if settled and payment.provider_reference == report.provider_reference:
        return []
    if payment.status not in OPEN:
        return late(
            "completed",
            payment,
            reference=report.provider_reference,
            amount_minor=captured.amount_minor,
        )
    if captured != payment.amount:
        return [
            OperatorNeededEvent(
                payment_id=payment.payment_id.value,
                question="payment",
                refund_id=None,
                reason=f"the provider took {captured}, {payment.amount} was asked for",
                provider_reference=report.provider_reference,
                captured_minor=captured.amount_minor,
                currency=captured.currency,
            )
        ]
    return [
        PaymentCompletedEvent(
            payment_id=payment.payment_id.value,
            provider=payment.provider,
            provider_reference=report.provider_reference,
            captured_minor=captured.amount_minor,
            currency=captured.currency,
        )
    ]


def _pending(report: RecordPending, payment: Payment) -> list[PaymentEvent]:
    if payment.status is PaymentStatusVO.PENDING or payment.captured is not None:
        return []  # an older report of what has gone on since
    if payment.status not in OPEN:
        return late("pending", payment, reference=report.provider_reference)
    return [
        PaymentPendingEvent(
            payment_id=payment.payment_id.value,
            provider_reference=report.provider_reference,
            reason=report.reason,
        )
    ]


def _capture_decline(report: RecordCaptureDecline, payment: Payment) -> list[PaymentEvent]:
    under_way = {PaymentStatusVO.PROCESSING, PaymentStatusVO.UNKNOWN}
    if payment.capture_id != report.capture_id or payment.status not in under_way:
        return []
    return [
        CaptureDeclinedEvent(
            payment_id=payment.payment_id.value,
            capture_id=report.capture_id,
            reason=report.reason,
        )
    ]


def _ending(
    report: RecordFailure | RecordExpiry | RecordCancellation, payment: Payment
) -> list[PaymentEvent]:
    payment_id = payment.payment_id.value
    ending: PaymentEvent
    match report:
        case RecordFailure():
            fact, ending = "failed", PaymentFailedEvent(payment_id=payment_id, reason=report.reason)
        case RecordExpiry():
            fact, ending = "expired", PaymentExpiredEvent(payment_id=payment_id)
        case RecordCancellation():
            fact, ending = (
                "cancelled",
                PaymentCancelledEvent(payment_id=payment_id, reason=report.reason),
            )
        case _:
            assert_never(report)
    if payment.status.is_closed_unpaid:
        return []
    return [ending] if payment.status in OPEN else late(fact, payment)


def _unknown_outcome(report: RecordUnknownOutcome, payment: Payment) -> list[PaymentEvent]:
    match report.operation:
        case "checkout":
            attempt = payment.attempt if payment.has_open_attempt else None
            intent_id = attempt.attempt_id if attempt else None
            fresh = payment.status is PaymentStatusVO.CREATED
        case "capture":
            intent_id = payment.capture_id
            fresh = payment.status is PaymentStatusVO.PROCESSING
        case "refund":
            refund = payment.refunds[report.intent_id]
            intent_id = refund.refund_id
            fresh = refund.status is RefundStatusVO.REQUESTED
        case _:
            assert_never(report.operation)
    if not fresh or intent_id != report.intent_id:
        return []
    return [
        OutcomeUnknownEvent(
            payment_id=payment.payment_id.value,
            operation=report.operation,
            intent_id=report.intent_id,
            reason=report.reason,
        )
    ]


def _difference(report: RecordDifference, payment: Payment) -> list[PaymentEvent]:
    if (report.subject, report.ours, report.theirs) in payment.differences:
        return []
    return [
        ReconciliationDifferenceFoundEvent(
            payment_id=payment.payment_id.value,
            subject=report.subject,
            ours=report.ours,
            theirs=report.theirs,
        )
    ]
