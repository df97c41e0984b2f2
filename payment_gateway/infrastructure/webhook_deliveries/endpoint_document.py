"""The document of an endpoint: whether it wants an event, and how it has fared.

``{_id, tenantId, enabled, types, createdAt, deleted?, disabledAt?, failingSince?, failures}``
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_never

from payment_gateway.application.webhook_deliveries import EndpointRecord, Failing
from payment_gateway.domain.events.webhook_delivery import (
    WebhookDeliveredEvent,
    WebhookDeliveryAttemptedEvent,
    WebhookDeliveryEvent,
)
from payment_gateway.domain.events.webhook_endpoint import (
    WebhookEndpointChangedEvent,
    WebhookEndpointCreatedEvent,
    WebhookEndpointDeletedEvent,
    WebhookEndpointDisabledEvent,
    WebhookEndpointEnabledEvent,
    WebhookEndpointEvent,
    WebhookEndpointPausedEvent,
    WebhookSecretRewrappedEvent,
    WebhookSecretRotatedEvent,
    WebhookTestRequestedEvent,
)
from payment_gateway.infrastructure.persistence.mongodb import Document


def endpoint_changes(event: WebhookEndpointEvent, at: datetime) -> dict[str, Any]:
    """Return the fields that an event of an endpoint sets in its document."""
    changes: dict[str, Any] = {"tenantId": event.tenant_id}
    match event:
        case WebhookEndpointCreatedEvent():
            changes |= {
                "enabled": event.enabled,
                "types": list(event.types),
                "createdAt": at,
                "deleted": False,
                "disabledAt": None,
                "failingSince": None,
                "failures": 0,
            }
        case WebhookEndpointChangedEvent():
            changes |= {"types": list(event.types)}
        case WebhookEndpointPausedEvent():
            changes |= {"enabled": False}
        case WebhookEndpointEnabledEvent():
            changes |= {"enabled": True, "disabledAt": None, "failingSince": None, "failures": 0}
        case WebhookEndpointDisabledEvent():
            changes |= {"enabled": False, "disabledAt": at}
        case WebhookEndpointDeletedEvent():
            changes |= {"enabled": False, "deleted": True}
        case (
            WebhookSecretRotatedEvent()
            | WebhookSecretRewrappedEvent()
            | WebhookTestRequestedEvent()
        ):
            pass
        case _:
            assert_never(event)
    return changes


def outcome_update(event: WebhookDeliveryEvent, at: datetime) -> list[dict[str, Any]] | None:
    """Return how the outcome of an attempt changes the document of its endpoint."""
    match event:
        case WebhookDeliveredEvent():
            return [{"$set": {"failingSince": None, "failures": 0}}]
        case WebhookDeliveryAttemptedEvent() if event.error is not None:
            return [
                {
                    "$set": {
                        "failingSince": {"$ifNull": ["$failingSince", at]},
                        "failures": {"$add": ["$failures", 1]},
                    }
                }
            ]
        case _:
            return None


def failing_of(document: Document) -> Failing | None:
    """Return how an endpoint has failed without a break; ``None`` where it has not."""
    since = document["failingSince"]
    return None if since is None else Failing(since=since, failures=document["failures"])


def endpoint_record(document: Document) -> EndpointRecord:
    """Return an endpoint as it is listed."""
    return EndpointRecord(
        endpoint_id=document["_id"],
        created_at=document["createdAt"],
        failing=failing_of(document),
        disabled_at=document["disabledAt"],
    )
