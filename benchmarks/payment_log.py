"""A log of payments to read: written into an event store's data folder before its server starts."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.events.payment import (
    CaptureRequestedEvent,
    CheckoutCreatedEvent,
    PaymentCompletedEvent,
    PaymentEvent,
    PaymentInitiatedEvent,
    PaymentItem,
    ProviderAttemptStartedEvent,
)
from payment_gateway.infrastructure.persistence.stored_event import new_records
from sandbox.eventstore.data_dir import DATABASE_FILE
from sandbox.eventstore.database import open_writer
from sandbox.eventstore.log_writer import LogWriter
from sandbox.eventstore.writes import ANY, Append, ProposedEvent

EVENTS_PER_PAYMENT: Final = 5
# So many payments go on side by side, as they do where many people buy.
AT_ONCE: Final = 200
AT: Final = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


def write_payments(data_dir: Path, payments: int) -> int:
    """Fill an event store that does not run yet; return how many events it has then."""
    data_dir.mkdir(parents=True)
    written = 0
    with closing(open_writer(data_dir / DATABASE_FILE)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        log = LogWriter(connection)
        while written < payments:
            group = [
                _payment(number) for number in range(written, min(written + AT_ONCE, payments))
            ]
            connection.execute("BEGIN IMMEDIATE")
            for step in range(EVENTS_PER_PAYMENT):
                for stream, events in group:
                    log.apply(Append(stream, ANY, (events[step],)))
            log.flush()
            connection.execute("COMMIT")
            log.stored.clear()
            written += len(group)
    return payments * EVENTS_PER_PAYMENT


def _payment(number: int) -> tuple[str, list[ProposedEvent]]:
    payment_id = str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))
    context = CommandContext(
        tenant_id=tenant_of(number), actor="apikey:bench", correlation_id=payment_id, at=AT
    )
    records = new_records(list(payment_events(payment_id, number)), context)
    return f"payment-{payment_id}", [
        ProposedEvent(
            uuid.UUID(record.event_id).bytes, record.type, True, record.data, record.metadata
        )
        for record in records
    ]


def tenant_of(number: int) -> str:
    """Return which of five tenants a payment is of."""
    return f"tenant-{number % 5}"


def payment_events(payment_id: str, number: int) -> Iterator[PaymentEvent]:
    """Yield what happens to a payment that is paid."""
    item = PaymentItem(quantity=1, description="A book", price_minor=1999, url_product=None)
    yield PaymentInitiatedEvent(
        payment_id=payment_id,
        tenant_id=tenant_of(number),
        external_reference=f"ERN-{number:020d}",
        order_id=f"order-{number // 2}",
        amount_minor=1999,
        currency="USD",
        provider="PAYPAL",
        fallback_providers=(),
        items=(item,),
        allow_pending=False,
        return_url="https://shop.example/return",
        cancel_url="https://shop.example/cancel",
        subject_id=payment_id,
        personal="v1." + "B" * 160,
        fingerprint="f" * 44,
    )
    yield ProviderAttemptStartedEvent(
        payment_id=payment_id,
        attempt_id="1",
        attempt=1,
        provider="PAYPAL",
        provider_reference_number=f"ERN-{number:020d}",
        handle=None,
    )
    yield CheckoutCreatedEvent(
        payment_id=payment_id,
        attempt_id="1",
        provider="PAYPAL",
        provider_order_id=f"ORDER{number}",
        checkout_url=f"https://paypal.example/checkoutnow?token={number}",
        expires_at=AT,
    )
    yield CaptureRequestedEvent(payment_id=payment_id, capture_id="1", provider_order_id="o")
    yield PaymentCompletedEvent(
        payment_id=payment_id,
        provider="PAYPAL",
        provider_reference=f"CAPTURE{number}",
        captured_minor=1999,
        currency="USD",
    )
