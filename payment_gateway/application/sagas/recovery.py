"""When a payment must be looked at again: a schedule that is a pure function of its events.

The recovery keeps one due time a payment. Each event sets it anew; each look sets it to the next step
of the schedule, until nothing about the payment is open, or the schedule ends and a person is asked.
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
    RefundPendingEvent,
)
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO, RefundStatusVO

FIRST_INQUIRY: Final = timedelta(seconds=5)  # after an unknown outcome
HELD_INQUIRY: Final = timedelta(minutes=10)  # while a provider holds a payment or a refund
EXPIRY_MARGIN: Final = timedelta(seconds=30)  # after a checkout's own end
# How long after each look without news the next one follows; after the last one a person is asked.
RETRIES: Final = (
    timedelta(seconds=10),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=24),
)
# What a provider says it holds is looked at once a day for so many days more: an eCheck or a review
# may take weeks, and is no doubt.
HELD_DAYS_MAX: Final = 30


def first_look(event: PaymentEvent, recorded_at: datetime) -> datetime | None:
    """Return when to look at a payment after an event; ``None`` where the event ends it."""
    match event:
        case OutcomeUnknownEvent():
            return recorded_at + FIRST_INQUIRY
        case CheckoutCreatedEvent():
            return event.expires_at + EXPIRY_MARGIN
        case PaymentPendingEvent() | RefundPendingEvent():
            return recorded_at + HELD_INQUIRY
        case (
            PaymentCompletedEvent()
            | PaymentFailedEvent()
            | PaymentExpiredEvent()
            | PaymentCancelledEvent()
            | OperatorNeededEvent()
        ):
            return None
        case _:
            # An intent, or the end of one of several: whoever goes on with it is done or dead by then.
            return recorded_at + INTENT_AGE_MIN


def next_look(payment: Payment, looks: int, now: datetime) -> datetime | None:
    """Return when to look again after ``looks`` looks without an end; ``None`` where none is needed."""
    if not is_open(payment):
        return None
    after = retry_at(looks, now)
    if payment.status is PaymentStatusVO.AWAITING_PAYER and payment.checkout is not None:
        return max(after, payment.checkout.expires_at + EXPIRY_MARGIN)
    if payment.is_idle and not (payment.attempts and payment.providers_next):
        return now + IDLE_AGE_MAX
    return after


def retry_at(looks: int, now: datetime) -> datetime:
    """Return when to look again after a look without news that had ``looks`` of the kind before it."""
    return now + RETRIES[min(looks, len(RETRIES) - 1)]


def is_exhausted(payment: Payment, looks: int) -> bool:
    """Whether asking the provider has come to its end, with ``looks`` looks before this one."""
    held = payment.status is PaymentStatusVO.PENDING or (
        payment.captured is not None
        and all(
            refund.status not in {RefundStatusVO.REQUESTED, RefundStatusVO.UNKNOWN}
            for refund in payment.refunds.values()
        )
    )
    return looks >= len(RETRIES) + (HELD_DAYS_MAX if held else 0)
