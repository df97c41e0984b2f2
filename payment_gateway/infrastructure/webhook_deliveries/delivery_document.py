"""The document of a delivery: when it is due while it is open, and what is listed of it.

``{_id, tenantId, endpointId, eventId, eventType, source, eventAt, status, attemptCount, attempts: [...],
revision, tries, dueAt?, endedAt?, parkedReason?}``. ``revision`` is that of the delivery's stream, -1 before
it has one; an event that is not newer changes nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, assert_never

from pymongo import UpdateOne

from payment_gateway.application.ports import RecordedEvent
from payment_gateway.application.services.webhook_delivery_service import delivery_id_of
from payment_gateway.application.webhook_deliveries import AttemptRecord, DeliveryRecord
from payment_gateway.domain.aggregates.webhook_delivery import WebhookDeliveryStatus
from payment_gateway.domain.events.webhook_delivery import (
    WebhookDeliveredEvent,
    WebhookDeliveryAttemptedEvent,
    WebhookDeliveryEvent,
    WebhookDeliveryParkedEvent,
    WebhookDeliveryResentEvent,
    WebhookDeliveryScheduledEvent,
)
from payment_gateway.infrastructure.persistence.mongodb import Document

ATTEMPTS_LISTED_MAX: Final = 20


def new_delivery(recorded: RecordedEvent, endpoint_id: str) -> UpdateOne:
    """Return what makes an event due at an endpoint, unless it is there already."""
    document = {
        "tenantId": recorded.context.tenant_id,
        "endpointId": endpoint_id,
        "eventId": recorded.event_id,
        "eventType": recorded.type,
        "source": recorded.stream,
        "eventAt": recorded.context.at,
        "status": WebhookDeliveryStatus.SCHEDULED.value,
        "attemptCount": 0,
        "attempts": [],
        "revision": -1,
        "tries": 0,
        "dueAt": recorded.context.at,
        "parkedReason": None,
    }
    name = delivery_id_of(endpoint_id, recorded.event_id)
    return UpdateOne({"_id": name}, {"$setOnInsert": document}, upsert=True)


def delivery_updates(
    event: WebhookDeliveryEvent, recorded: RecordedEvent, claim: timedelta
) -> list[UpdateOne]:
    """Return what an event of a delivery changes in its document; ``claim`` is how long a claim holds."""
    older = {"_id": event.delivery_id, "revision": {"$lt": recorded.revision}}
    at = recorded.context.at
    changes: dict[str, Any] = {"revision": recorded.revision}
    update: dict[str, Any] = {"$set": changes}
    match event:
        case WebhookDeliveryScheduledEvent():
            pass
        case WebhookDeliveryAttemptedEvent():
            changes |= {"attemptCount": event.attempt}
            listed = {"$each": [_attempt(event, recorded)], "$slice": -ATTEMPTS_LISTED_MAX}
            update["$push"] = {"attempts": listed}
        case WebhookDeliveredEvent():
            changes |= {"status": WebhookDeliveryStatus.DELIVERED.value, "endedAt": at}
            update["$unset"] = {"dueAt": ""}
        case WebhookDeliveryParkedEvent():
            changes |= {"status": WebhookDeliveryStatus.PARKED.value, "endedAt": at}
            changes |= {"parkedReason": event.reason}
            update["$unset"] = {"dueAt": ""}
        case WebhookDeliveryResentEvent():
            changes |= {"status": WebhookDeliveryStatus.SCHEDULED.value, "dueAt": at}
            changes |= {"parkedReason": None}
            update["$unset"] = {"endedAt": ""}
        case _:
            assert_never(event)
    updates = [UpdateOne(older, update)]
    if isinstance(event, WebhookDeliveryAttemptedEvent) and event.next_at is not None:
        # Whoever has claimed it since that attempt, or has set when it is due, knows better.
        ours = {
            "_id": event.delivery_id,
            "revision": recorded.revision,
            "dueAt": {"$lte": at + claim},
        }
        updates.append(UpdateOne(ours, {"$set": {"dueAt": event.next_at}}))
    return updates


def delivery_record(document: Document) -> DeliveryRecord:
    """Return a delivery as it is listed."""
    status = WebhookDeliveryStatus(document["status"])
    attempts = tuple(
        AttemptRecord(
            attempt=one["attempt"],
            at=one["at"],
            status=one["status"],
            error=one["error"],
            duration_ms=one["durationMs"],
            subject_id=one["subjectId"],
            excerpt=one["excerpt"],
            next_at=one["nextAt"],
        )
        for one in document["attempts"]
    )
    is_open = status is WebhookDeliveryStatus.SCHEDULED
    return DeliveryRecord(
        delivery_id=document["_id"],
        tenant_id=document["tenantId"],
        endpoint_id=document["endpointId"],
        event_id=document["eventId"],
        event_type=document["eventType"],
        source=document["source"],
        event_at=document["eventAt"],
        status=status,
        attempt_count=document["attemptCount"],
        attempts=attempts,
        next_at=document.get("dueAt") if is_open else None,
        parked_reason=document["parkedReason"],
    )


def _attempt(event: WebhookDeliveryAttemptedEvent, recorded: RecordedEvent) -> Document:
    return {
        "attempt": event.attempt,
        "at": recorded.context.at,
        "status": event.status,
        "error": event.error,
        "durationMs": event.duration_ms,
        "subjectId": event.subject_id,
        "excerpt": event.excerpt,
        "nextAt": event.next_at,
    }
