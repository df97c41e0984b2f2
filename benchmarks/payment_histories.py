"""A log full of payments, quickly: each is one append."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.events.payment import (
    CaptureRequestedEvent,
    CheckoutCreatedEvent,
    PaymentCompletedEvent,
    PaymentEvent,
    PaymentInitiatedEvent,
    PaymentItem,
    ProviderAttemptStartedEvent,
    RefundCompletedEvent,
    RefundRequestedEvent,
)
from payment_gateway.infrastructure.persistence.eventstoredb import EventStoreDB

EVENTS_A_PAYMENT: Final = 7
AT_ONCE: Final = 32
_AMOUNT_MINOR: Final = 19_99


async def append_payments(store: EventStoreDB, events: int) -> int:
    """Append payments with about so many events in all; return how many payments these are."""
    payments = events // EVENTS_A_PAYMENT
    left = iter(range(payments))

    async def work() -> None:
        for _ in left:
            payment_id = str(uuid4())
            await store.append(
                f"payment-{payment_id}", _history(payment_id), expected=None, context=_context()
            )

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return payments


def _context() -> CommandContext:
    return CommandContext(
        tenant_id="bench", actor="bench", correlation_id=str(uuid4()), at=datetime.now(UTC)
    )


def _history(payment_id: str) -> list[PaymentEvent]:
    item = PaymentItem(
        quantity=1, description="Coffee", price_minor=_AMOUNT_MINOR, url_product=None
    )
    checkout = CheckoutCreatedEvent(
        payment_id=payment_id,
        attempt_id="a",
        provider="PAYPAL",
        provider_order_id="o",
        checkout_url="https://paypal.example/o",
        expires_at=datetime.now(UTC),
    )
    completed = PaymentCompletedEvent(
        payment_id=payment_id,
        provider="PAYPAL",
        provider_reference="capture",
        captured_minor=_AMOUNT_MINOR,
        currency="USD",
    )
    refunds: list[PaymentEvent] = [
        RefundRequestedEvent(
            payment_id=payment_id, refund_id="r", amount_minor=1, currency="USD", reason=None
        ),
        RefundCompletedEvent(
            payment_id=payment_id, refund_id="r", provider_reference="x", amount_minor=1
        ),
    ]
    return [
        PaymentInitiatedEvent(
            payment_id=payment_id,
            tenant_id="bench",
            external_reference=f"ERN-{UUID(payment_id).int}",
            order_id="order-1",
            amount_minor=_AMOUNT_MINOR,
            currency="USD",
            provider="PAYPAL",
            fallback_providers=(),
            items=(item,),
            allow_pending=False,
            return_url=None,
            cancel_url=None,
            subject_id=None,
            personal=None,
            fingerprint="f",
        ),
        ProviderAttemptStartedEvent(
            payment_id=payment_id,
            attempt_id="a",
            attempt=1,
            provider="PAYPAL",
            provider_reference_number="ERN-1",
            handle=None,
        ),
        checkout,
        CaptureRequestedEvent(payment_id=payment_id, capture_id="c", provider_order_id="o"),
        completed,
        *refunds,
    ]
