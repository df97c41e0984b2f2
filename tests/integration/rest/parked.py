"""A notification of a provider that nobody could apply: a dead letter."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from payment_gateway.application.ports import CommandContext, EventStore
from payment_gateway.domain.events.webhook import WebhookParkedEvent, WebhookReceivedEvent


async def parked_notification(store: EventStore, tenant_id: str) -> str:
    """Have a notification parked and return its id as a dead letter."""
    name = uuid4().hex
    received = WebhookReceivedEvent(
        provider="PAYPAL",
        tenant_id=tenant_id,
        delivery_id=name,
        event_type="TEST",
        payment_id=None,
        age_s=None,
        subject_id=name,
        body="",
    )
    parked = WebhookParkedEvent(
        provider="PAYPAL",
        tenant_id=tenant_id,
        delivery_id=name,
        payment_id=None,
        reason="not_handled",
    )
    context = CommandContext(
        tenant_id=tenant_id, actor="test", correlation_id=name, at=datetime.now(UTC)
    )
    stream = f"webhook-paypal.{name}"
    await store.append(stream, [received, parked], expected=None, context=context)
    return stream
