"""What happens when the gateway gives up asking, and when a person has found out."""

from __future__ import annotations

from typing import Final

from payment_gateway.domain.aggregates.payment_commands import AnswerAsOperator, CallOperator
from payment_gateway.domain.aggregates.payment_parts import Refund
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.errors import InvalidValue, PaymentStateConflict
from payment_gateway.domain.events.payment import (
    OperatorAnsweredEvent,
    OperatorNeededEvent,
    PaymentCompletedEvent,
    PaymentEvent,
    PaymentFailedEvent,
    RefundCompletedEvent,
    RefundFailedEvent,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO, RefundStatusVO

# A payment in one of these may still turn out either way.
OPEN: Final = frozenset(
    {
        PaymentStatusVO.CREATED,
        PaymentStatusVO.AWAITING_PAYER,
        PaymentStatusVO.PROCESSING,
        PaymentStatusVO.PENDING,
        PaymentStatusVO.UNKNOWN,
    }
)
# So may a refund in one of these.
REFUND_OPEN: Final = frozenset(
    {RefundStatusVO.REQUESTED, RefundStatusVO.PENDING, RefundStatusVO.UNKNOWN}
)


def call_operator(report: CallOperator, payment: Payment) -> list[PaymentEvent]:
    """Return what giving up causes: a question for a person, once."""
    if report.refund_id in payment.questions:
        return []
    refund = payment.refunds[report.refund_id] if report.refund_id else None
    open_ = refund.status in REFUND_OPEN if refund else payment.status in OPEN
    if not open_:
        return []
    return [
        OperatorNeededEvent(
            payment_id=payment.payment_id.value,
            question="refund" if refund else "payment",
            refund_id=report.refund_id,
            reason=report.reason,
            provider_reference=None,
            captured_minor=None,
            currency=None,
        )
    ]


def answer_as_operator(command: AnswerAsOperator, payment: Payment) -> list[PaymentEvent]:
    """Return what a person's finding causes.

    Raises:
        InvalidValue: The answer does not fit the question, lacks the provider's reference, or names an
            amount that cannot have been taken.
        PaymentStateConflict: Nothing about this is in doubt, or another amount is recorded.
    """
    if command.captured is not None and command.answer != "completed":
        raise InvalidValue("an amount belongs to a payment that was completed", param="amount")
    moved = command.answer in {"completed", "refund_completed"}
    if moved and not command.provider_reference:
        raise InvalidValue("name the provider's id of what moved the money", param="reference")
    if command.refund_id is None:
        outcome = _answer_payment(command, payment)
    else:
        refund = payment.refunds.get(command.refund_id)
        if refund is None:
            raise InvalidValue("the payment has no refund of that id", param="refundId")
        outcome = _answer_refund(command, refund, payment)
    if outcome is None:
        return []
    answered = OperatorAnsweredEvent(
        payment_id=payment.payment_id.value,
        question="payment" if command.refund_id is None else "refund",
        refund_id=command.refund_id,
        answer=command.answer,
        note=command.note,
    )
    return [answered, outcome]


def _answer_payment(command: AnswerAsOperator, payment: Payment) -> PaymentEvent | None:
    payment_id = payment.payment_id.value
    if command.answer not in {"completed", "failed"}:
        raise InvalidValue("a payment was completed or failed", param="answer")
    if command.answer == "failed" and payment.status is PaymentStatusVO.FAILED:
        return None
    captured = command.captured or payment.amount
    if not _can_be_of(captured, payment):
        raise InvalidValue(f"more than nothing and at most {payment.amount}", param="amount")
    if command.answer == "completed" and payment.captured is not None:
        if command.captured not in {None, payment.captured}:
            raise PaymentStateConflict(command="resolve otherwise", status=payment.status)
        return None
    if payment.status is not PaymentStatusVO.NEEDS_OPERATOR:
        raise PaymentStateConflict(command="resolve", status=payment.status)
    if command.answer == "failed":
        return PaymentFailedEvent(payment_id=payment_id, reason=command.note)
    return PaymentCompletedEvent(
        payment_id=payment_id,
        provider=payment.provider,
        provider_reference=command.provider_reference or "",
        captured_minor=captured.amount_minor,
        currency=captured.currency,
    )


def _can_be_of(captured: PaymentAmountVO, payment: Payment) -> bool:
    same = captured.currency == payment.amount.currency
    return same and 0 < captured.amount_minor <= payment.amount.amount_minor


def _answer_refund(
    command: AnswerAsOperator, refund: Refund, payment: Payment
) -> PaymentEvent | None:
    payment_id = payment.payment_id.value
    match command.answer:
        case "refund_completed":
            if refund.status is RefundStatusVO.COMPLETED:
                return None
            outcome: PaymentEvent = RefundCompletedEvent(
                payment_id=payment_id,
                refund_id=refund.refund_id,
                provider_reference=command.provider_reference or "",
                amount_minor=refund.amount.amount_minor,
            )
        case "refund_failed":
            if refund.status is RefundStatusVO.FAILED:
                return None
            outcome = RefundFailedEvent(
                payment_id=payment_id, refund_id=refund.refund_id, reason=command.note
            )
        case _:
            raise InvalidValue("a refund was completed or failed", param="answer")
    if refund.status not in REFUND_OPEN:
        raise PaymentStateConflict(command="resolve a refund of", status=payment.status)
    return outcome
