"""A report that no longer fits."""

from __future__ import annotations

from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.events.payment import LateFactRecordedEvent, PaymentEvent


def late(
    fact: str, payment: Payment, *, reference: str | None = None, amount_minor: int | None = None
) -> list[PaymentEvent]:
    """Return the event that keeps a fact for people to see, once."""
    if (fact, reference) in payment.late_facts:
        return []
    return [
        LateFactRecordedEvent(
            payment_id=payment.payment_id.value,
            fact=fact,
            status=payment.status.value,
            provider_reference=reference,
            amount_minor=amount_minor,
        )
    ]
