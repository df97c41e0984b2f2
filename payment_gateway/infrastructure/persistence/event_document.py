"""An event as a tenant is shown it, wherever that is: in a history, in the feed, in a webhook."""

from __future__ import annotations

from typing import Any

from payment_gateway.application.ports import RecordedEvent
from payment_gateway.infrastructure.persistence.event_data import event_data, stored_data
from payment_gateway.infrastructure.persistence.event_types import version_of


def event_document(
    recorded: RecordedEvent, *, payment_id: str | None, currency: str | None
) -> dict[str, Any]:
    """Return ``{id, type, paymentId, revision, recordedAt, actor, reason, data}``.

    What a release showed of an event the next one shows again, though it may write another version.

    Args:
        recorded: The event.
        payment_id: ``None`` for an event that is about no payment.
        currency: Of that payment.
    """
    data = shown_data(recorded, currency)
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


def shown_data(recorded: RecordedEvent, currency: str | None) -> dict[str, Any]:
    """Return what is shown of an event's data, in the version in which it is stored."""
    older = recorded.older
    return stored_data(older.data, currency) if older else event_data(recorded.event, currency)


def shown_version(recorded: RecordedEvent) -> int:
    """Return the schema version of an event's data as it is shown: the one in which it is stored."""
    return recorded.older.version if recorded.older else version_of(recorded.event)
