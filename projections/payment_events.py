"""A payment's history as it is shown: what was stored, without what is sealed or internal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from payment_gateway.domain.events.payment import PaymentInitiatedEvent
from payment_gateway.infrastructure.persistence.event_document import event_document
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from projections.payment_answers import Answer


class EventAnswer(Answer):
    """One event, the same wherever events are shown."""

    id: str = Field(examples=["0198c5d0-7c1e-7b43-8a55-0c8f6a1d2e3f"])
    type: str = Field(description="The stored name.", examples=["PaymentCompleted"])
    payment_id: str
    revision: int = Field(description="Counts the payment's events from 0.")
    recorded_at: datetime
    actor: str = Field(description="Who caused it.", examples=["key-7f3a"])
    reason: str | None = Field(description="Why, where the event says so.")
    data: dict[str, Any] = Field(
        examples=[{"provider": "PAYPAL", "captured": "19.99", "currency": "USD"}]
    )


class EventPage(Answer):
    """A page of a payment's history, oldest first."""

    data: list[EventAnswer]
    next_cursor: str | None = Field(description="Asks for the next page; null on the last one.")


class EventFeedPage(Answer):
    """A page of a tenant's events, oldest first."""

    data: list[EventAnswer]
    next_cursor: str | None = Field(
        description="Asks for what follows, also for what is still to come; null where there is nothing"
        " yet after the cursor that was sent, which stays good."
    )


def belongs_to(events: Sequence[RecordedEvent], tenant_id: str) -> bool:
    """Tell whether a history is that of a payment of this tenant."""
    first = events[0].event if events else None
    return isinstance(first, PaymentInitiatedEvent) and first.tenant_id == tenant_id


def event_answer(recorded: RecordedEvent, *, payment_id: str, currency: str) -> EventAnswer:
    """Return an event of a payment in that currency as it is shown."""
    document = event_document(recorded, payment_id=payment_id, currency=currency)
    return EventAnswer.model_validate(document)


def currency_of(events: Sequence[RecordedEvent]) -> str:
    """Return the currency of a payment with this history."""
    first = events[0].event
    assert isinstance(first, PaymentInitiatedEvent), "a payment begins with PaymentInitiated"
    return first.currency
