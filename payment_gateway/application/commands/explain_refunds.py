"""Money given back, and money the payer asks back, in words."""

from __future__ import annotations

from typing import assert_never

from payment_gateway.domain.events.payment import (
    DisputeClosedEvent,
    DisputeOpenedEvent,
    ProviderRefundRecordedEvent,
    RefundCompletedEvent,
    RefundFailedEvent,
    RefundPendingEvent,
    RefundRequestedEvent,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO


def explain_money_back(
    event: RefundRequestedEvent
    | RefundPendingEvent
    | RefundCompletedEvent
    | RefundFailedEvent
    | ProviderRefundRecordedEvent
    | DisputeOpenedEvent
    | DisputeClosedEvent,
    currency: str,
) -> tuple[str, str | None]:
    """Return what happened, and why where the event says it; amounts are in ``currency``."""
    match event:
        case RefundRequestedEvent():
            amount = PaymentAmountVO(event.amount_minor, event.currency)
            return f"{amount} is to be given back, as refund {event.refund_id}", event.reason
        case RefundPendingEvent():
            return f"the provider has taken refund {event.refund_id} on", None
        case RefundCompletedEvent():
            amount = PaymentAmountVO(event.amount_minor, currency)
            return f"refund {event.refund_id} gave back {amount}", None
        case RefundFailedEvent():
            return f"refund {event.refund_id} was not made; its amount is free again", event.reason
        case ProviderRefundRecordedEvent():
            amount = PaymentAmountVO(event.amount_minor, event.currency)
            reference = event.provider_reference
            return f"the provider gave back {amount} without us, as {reference}", None
        case DisputeOpenedEvent():
            return f"the payer disputes the payment: {event.dispute_id}", event.reason
        case DisputeClosedEvent():
            return f"dispute {event.dispute_id} was decided", event.outcome
        case _:
            assert_never(event)
