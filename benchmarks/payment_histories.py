"""A log full of payments, quickly: each is one append."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from benchmarks.payment_log import EVENTS_PER_PAYMENT, payment_events, tenant_of
from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.events.payment import (
    PaymentEvent,
    RefundCompletedEvent,
    RefundRequestedEvent,
)
from payment_gateway.infrastructure.persistence.eventstoredb import EventStoreDB

EVENTS_A_PAYMENT: Final = EVENTS_PER_PAYMENT + 2
AT_ONCE: Final = 32


async def append_payments(store: EventStoreDB, events: int) -> int:
    """Append payments with about so many events in all; return how many payments these are."""
    payments = events // EVENTS_A_PAYMENT
    left = iter(range(payments))

    async def work() -> None:
        for number in left:
            payment_id = str(uuid4())
            await store.append(
                f"payment-{payment_id}",
                _history(payment_id, number),
                expected=None,
                context=_context(number),
            )

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return payments


def _context(number: int) -> CommandContext:
    return CommandContext(
        tenant_id=tenant_of(number),
        actor="bench",
        correlation_id=str(uuid4()),
        at=datetime.now(UTC),
    )


def _history(payment_id: str, number: int) -> list[PaymentEvent]:
    refunds: list[PaymentEvent] = [
        RefundRequestedEvent(
            payment_id=payment_id, refund_id="r", amount_minor=1, currency="USD", reason=None
        ),
        RefundCompletedEvent(
            payment_id=payment_id, refund_id="r", provider_reference="x", amount_minor=1
        ),
    ]
    return [*payment_events(payment_id, number), *refunds]
