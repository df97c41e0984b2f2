"""What a provider's news of refunds and disputes tells the payment."""

from __future__ import annotations

from typing import assert_never

from payment_gateway.application.commands.refund_payment import refund_intent_id
from payment_gateway.application.webhooks import DisputeNews, RefundNews
from payment_gateway.domain.aggregates.payment_commands import (
    RecordDisputeClosed,
    RecordDisputeOpened,
    RecordProviderRefund,
    RecordRefund,
    RecordRefundFailure,
    RecordRefundPending,
    Report,
)
from payment_gateway.domain.aggregates.payment_parts import Refund
from payment_gateway.domain.aggregates.payment_state import Payment


class NotApplicable(Exception):
    """A notification that will never be applied, and why in one word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def report_of_refund(news: RefundNews, payment: Payment) -> Report | None:
    """Return what news of a refund tells the payment; ``None`` where nothing has moved.

    Raises:
        NotApplicable: It speaks of another amount than we asked back, or of none.
    """
    payment_id = payment.payment_id
    ours = _refund_of(news, payment)
    if ours is None:
        if news.outcome != "completed":
            return None  # made in the provider's own pages; it counts once money has moved
        if news.amount is None:
            raise NotApplicable("another_amount")
        return RecordProviderRefund(
            payment_id=payment_id, provider_reference=news.reference, amount=news.amount
        )
    if news.amount is not None and news.amount != ours.amount:
        raise NotApplicable("another_amount")
    match news.outcome:
        case "completed":
            return RecordRefund(
                payment_id=payment_id,
                refund_id=ours.refund_id,
                provider_reference=news.reference,
            )
        case "pending":
            return RecordRefundPending(
                payment_id=payment_id,
                refund_id=ours.refund_id,
                provider_reference=news.reference,
            )
        case "failed":
            return RecordRefundFailure(
                payment_id=payment_id, refund_id=ours.refund_id, reason=news.reason
            )
        case _:
            assert_never(news.outcome)


def _refund_of(news: RefundNews, payment: Payment) -> Refund | None:
    for refund in payment.refunds.values():
        asked_as = refund_intent_id(payment.payment_id, refund.refund_id)
        if news.reference == refund.provider_reference or news.intent_id == asked_as:
            return refund
    return None


def report_of_dispute(news: DisputeNews, payment: Payment) -> Report:
    """Return what news of a dispute tells the payment."""
    if news.outcome is not None:
        return RecordDisputeClosed(
            payment_id=payment.payment_id, dispute_id=news.dispute_id, outcome=news.outcome
        )
    return RecordDisputeOpened(
        payment_id=payment.payment_id,
        dispute_id=news.dispute_id,
        amount=news.amount,
        reason=news.reason,
    )
