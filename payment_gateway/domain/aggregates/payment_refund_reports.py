"""What happens when a payment is told of money given back, and of disputes."""

from __future__ import annotations

from typing import assert_never

from payment_gateway.domain.aggregates.late_fact import late
from payment_gateway.domain.aggregates.payment_commands import (
    RecordDisputeClosed,
    RecordDisputeOpened,
    RecordProviderRefund,
    RecordRefund,
    RecordRefundFailure,
    RecordRefundPending,
)
from payment_gateway.domain.aggregates.payment_operator import REFUND_OPEN
from payment_gateway.domain.aggregates.payment_parts import Refund
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.events.payment import (
    DisputeClosedEvent,
    DisputeOpenedEvent,
    PaymentEvent,
    ProviderRefundRecordedEvent,
    RefundCompletedEvent,
    RefundFailedEvent,
    RefundPendingEvent,
)
from payment_gateway.domain.value_objects.payment_status import RefundStatusVO


def decide_refund_report(
    report: RecordRefund | RecordRefundPending | RecordRefundFailure | RecordProviderRefund,
    payment: Payment,
) -> list[PaymentEvent]:
    """Return what a report on a refund causes; an empty list where it is known already."""
    if isinstance(report, RecordProviderRefund):
        return _provider_refund(report, payment)
    refund = payment.refunds[report.refund_id]
    payment_id = payment.payment_id.value
    match report:
        case RecordRefund():
            if refund.status in REFUND_OPEN:
                return [
                    RefundCompletedEvent(
                        payment_id=payment_id,
                        refund_id=refund.refund_id,
                        provider_reference=report.provider_reference,
                        amount_minor=refund.amount.amount_minor,
                    )
                ]
            return _late_refund("refund_completed", RefundStatusVO.COMPLETED, refund, payment)
        case RecordRefundPending():
            if refund.status in {RefundStatusVO.REQUESTED, RefundStatusVO.UNKNOWN}:
                return [
                    RefundPendingEvent(
                        payment_id=payment_id,
                        refund_id=refund.refund_id,
                        provider_reference=report.provider_reference,
                    )
                ]
            return []
        case RecordRefundFailure():
            if refund.status in REFUND_OPEN:
                return [
                    RefundFailedEvent(
                        payment_id=payment_id, refund_id=refund.refund_id, reason=report.reason
                    )
                ]
            return _late_refund("refund_failed", RefundStatusVO.FAILED, refund, payment)
        case _:
            assert_never(report)


def _late_refund(
    fact: str, same: RefundStatusVO, refund: Refund, payment: Payment
) -> list[PaymentEvent]:
    if refund.status is same:
        return []
    return late(fact, payment, reference=refund.refund_id, amount_minor=refund.amount.amount_minor)


def _provider_refund(report: RecordProviderRefund, payment: Payment) -> list[PaymentEvent]:
    reference = report.provider_reference
    if any(refund.provider_reference == reference for refund in payment.refunds.values()):
        return []
    amount = report.amount
    if amount.currency != payment.amount.currency or (
        amount.amount_minor > payment.refundable.amount_minor
    ):
        return late(
            "refund_completed", payment, reference=reference, amount_minor=amount.amount_minor
        )
    return [
        ProviderRefundRecordedEvent(
            payment_id=payment.payment_id.value,
            refund_id=payment.payment_id.derive(f"provider-refund:{reference}"),
            provider_reference=reference,
            amount_minor=amount.amount_minor,
            currency=amount.currency,
        )
    ]


def decide_dispute_report(
    report: RecordDisputeOpened | RecordDisputeClosed, payment: Payment
) -> list[PaymentEvent]:
    """Return what a report on a dispute causes. One that is closed is not opened again."""
    payment_id, dispute_id = payment.payment_id.value, report.dispute_id
    known = payment.disputes.get(dispute_id)
    if known is False or (known and isinstance(report, RecordDisputeOpened)):
        return []
    if payment.captured is None:
        return late("dispute_opened", payment, reference=dispute_id)
    match report:
        case RecordDisputeOpened():
            amount_minor = report.amount.amount_minor if report.amount else None
            opened = DisputeOpenedEvent(
                payment_id=payment_id,
                dispute_id=dispute_id,
                amount_minor=amount_minor,
                reason=report.reason,
            )
            return [opened]
        case RecordDisputeClosed():
            closed = DisputeClosedEvent(
                payment_id=payment_id, dispute_id=dispute_id, outcome=report.outcome
            )
            if known:
                return [closed]
            missed = DisputeOpenedEvent(
                payment_id=payment_id,
                dispute_id=dispute_id,
                amount_minor=None,
                reason="the report of its opening has not come",
            )
            return [missed, closed]
        case _:
            assert_never(report)
