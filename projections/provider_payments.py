"""What an event says of the payments of its minute: how many began and ended, and the money that moved.

Part of ``provider_health``. A payment counts for the provider that has it at the moment of the event: the one
it was begun with, the one that took the money. Unlike in ``daily_stats`` each event counts in the minute in
which it happened, so that a minute that has passed does not change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from payment_gateway.domain.events.payment import (
    PaymentCancelledEvent,
    PaymentCompletedEvent,
    PaymentExpiredEvent,
    PaymentFailedEvent,
    PaymentInitiatedEvent,
    ProviderRefundRecordedEvent,
    RefundCompletedEvent,
)
from payment_gateway.infrastructure.persistence.mongodb import Document

PAYMENTS_OF: Final = "payments"
AMOUNTS: Final = "amounts"
INITIATED: Final = "initiated"
COMPLETED: Final = "completed"
CAPTURED_MINOR: Final = "capturedMinor"
REFUNDED_MINOR: Final = "refundedMinor"
# How a payment can end without money.
UNPAID: Final = ("failed", "cancelled", "expired")
NO_PAYMENTS: Final = dict.fromkeys((INITIATED, COMPLETED, *UNPAID), 0)
NO_MONEY: Final = {CAPTURED_MINOR: 0, REFUNDED_MINOR: 0}

_STEPS: Final[dict[type, str]] = {
    PaymentInitiatedEvent: INITIATED,
    PaymentCompletedEvent: COMPLETED,
    PaymentFailedEvent: "failed",
    PaymentCancelledEvent: "cancelled",
    PaymentExpiredEvent: "expired",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What one event adds to its minute.

    Attributes:
        step: Which count of payments goes up by one; ``None`` for none.
        moved: The field and the amount of the money that moved, in minor units; ``None`` for none.
        currency: Of that money; ``None`` where a payment's first event was never seen.
    """

    step: str | None
    moved: tuple[str, int] | None
    currency: str | None

    def __bool__(self) -> bool:
        """Tell whether it adds anything."""
        return self.step is not None or self.moved is not None

    def added_to(self, counts: Document) -> Document:
        """Return what is counted of a provider in a minute, with this."""
        after = dict(counts)
        if self.step is not None:
            payments = counts[PAYMENTS_OF]
            after[PAYMENTS_OF] = {**payments, self.step: payments[self.step] + 1}
        if self.moved is not None and self.currency is not None:
            field, amount_minor = self.moved
            money = counts[AMOUNTS].get(self.currency, NO_MONEY)
            moved = {**money, field: money[field] + amount_minor}
            after[AMOUNTS] = {**counts[AMOUNTS], self.currency: moved}
        return after


def counts_of(event: object, currency: str | None) -> Counts:
    """Return what an event adds to its minute; ``currency`` is its payment's."""
    moved: tuple[str, int] | None = None
    match event:
        case PaymentCompletedEvent():
            moved = (CAPTURED_MINOR, event.captured_minor)
        case RefundCompletedEvent() | ProviderRefundRecordedEvent():
            moved = (REFUNDED_MINOR, event.amount_minor)
        case _:
            pass
    return Counts(step=_STEPS.get(type(event)), moved=moved, currency=currency)
