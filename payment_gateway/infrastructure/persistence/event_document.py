"""An event as a tenant is shown it, wherever that is: in a history, in the feed, in a webhook."""

from __future__ import annotations

from typing import Any

from payment_gateway.application.ports import RecordedEvent
from payment_gateway.infrastructure.persistence.event_data import event_data


def event_document(
    recorded: RecordedEvent, *, payment_id: str | None, currency: str | None
) -> dict[str, Any]:
    """Return ``{id, type, paymentId, revision, recordedAt, actor, reason, data}``.

    Args:
        recorded: The event, brought up to today's version when it was read.
        payment_id: ``None`` for an event that is about no payment.
        currency: Of that payment.
    """
    data = event_data(recorded.event, currency)
    return {
        "id": recorded.event_id,
        "type": recorded.type,
        "paymentId": payment_id,
        "revision": recorded.revision,
        "recordedAt": recorded.context.at,
        "actor": recorded.context.actor,
        "reason": data.get("reason"),
        "data": data,
    }
