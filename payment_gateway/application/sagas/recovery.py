"""When a payment must be looked at again: a schedule that is a pure function of its events.

The recovery keeps one due time a payment. Each event sets it anew; each look sets it to the next step
of the schedule, until nothing about the payment is open.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from payment_gateway.application.commands.recover_payment import (
    IDLE_AGE_MAX,
    INTENT_AGE_MIN,
    is_open,
)
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.events.payment import (
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
    RefundPendingEvent,
)
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO

FIRST_INQUIRY: Final = timedelta(seconds=5)  # after an unknown outcome
HELD_INQUIRY: Final = timedelta(minutes=10)  # while a provider holds a payment or a refund
EXPIRY_MARGIN: Final = timedelta(seconds=30)  # after a checkout's own end
# How long after each look without news the next one follows; the last one repeats.
RETRIES: Final = (
    timedelta(seconds=10),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=24),
)


def first_look(event: PaymentEvent, recorded_at: datetime) -> datetime | None:
    """Return when to look at a payment after an event; ``None`` where the event ends it."""
    match event:
        case OutcomeUnknownEvent():
            return recorded_at + FIRST_INQUIRY
        case CheckoutCreatedEvent():
            return event.expires_at + EXPIRY_MARGIN
        case PaymentPendingEvent() | RefundPendingEvent():
            return recorded_at + HELD_INQUIRY
        case ProviderAttemptFailedEvent():
            return recorded_at + IDLE_AGE_MAX
        case (
            PaymentCompletedEvent()
            | PaymentFailedEvent()
            | PaymentExpiredEvent()
            | PaymentCancelledEvent()
            | OperatorNeededEvent()
        ):
            return None
        case _:
            # An intent, or the end of one of several: whoever stored it is done or dead by then.
            return recorded_at + INTENT_AGE_MIN


def next_look(payment: Payment, looks: int, now: datetime) -> datetime | None:
    """Return when to look again after ``looks`` looks without an end; ``None`` where none is needed."""
    if not is_open(payment):
        return None
    after = now + RETRIES[min(looks, len(RETRIES) - 1)]
    if payment.status is PaymentStatusVO.AWAITING_PAYER and payment.checkout is not None:
        return max(after, payment.checkout.expires_at + EXPIRY_MARGIN)
    if payment.status is PaymentStatusVO.CREATED and not payment.has_open_attempt:
        return now + IDLE_AGE_MAX
    return after
