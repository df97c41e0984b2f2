"""What can have happened to an address that a tenant's events are sent to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpointCreatedEvent:
    """A tenant wants its events at an address.

    Attributes:
        types: Stored names of the events that are wanted; empty for all.
        enabled: Whether it begins at once.
        envelope: The secret that deliveries are signed with, sealed; bound to tenant, endpoint and version 1.
    """

    tenant_id: str
    endpoint_id: str
    url: str
    types: tuple[str, ...]
    enabled: bool
    envelope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpointChangedEvent:
    """An endpoint has another address, or other types are wanted.

    Attributes:
        types: Stored names of the events that are wanted; empty for all.
    """

    tenant_id: str
    endpoint_id: str
    url: str
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpointPausedEvent:
    """Nothing is sent until it is enabled again; what happens meanwhile is not made up for."""

    tenant_id: str
    endpoint_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpointEnabledEvent:
    """A paused or disabled endpoint takes events again, from here on."""

    tenant_id: str
    endpoint_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpointDisabledEvent:
    """The gateway stopped sending by itself.

    Attributes:
        reason: ``gone``, it answered 410; ``failing``, no delivery has succeeded for too long.
        failing_since: When the first of the deliveries failed that have failed without a break; null if gone.
    """

    tenant_id: str
    endpoint_id: str
    reason: str
    failing_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecretRotatedEvent:
    """Deliveries are signed with a new secret, and for a while with the one before too.

    Attributes:
        version: One more than that of the secret before.
        envelope: The new secret, sealed; bound to tenant, endpoint and version.
        previous_until: Until when the secrets before sign beside it.
    """

    tenant_id: str
    endpoint_id: str
    version: int
    envelope: str
    previous_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecretRewrappedEvent:
    """The data key of a secret was wrapped by another key; the secret is the same.

    Attributes:
        envelope: Replaces the version's envelope.
    """

    tenant_id: str
    endpoint_id: str
    version: int
    envelope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTestRequestedEvent:
    """Somebody wants to see a delivery arrive; this event itself is what is delivered.

    Attributes:
        test_id: Names this request.
    """

    tenant_id: str
    endpoint_id: str
    test_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpointDeletedEvent:
    """Nothing is sent to it any more, for good."""

    tenant_id: str
    endpoint_id: str


WebhookEndpointEvent = (
    WebhookEndpointCreatedEvent
    | WebhookEndpointChangedEvent
    | WebhookEndpointPausedEvent
    | WebhookEndpointEnabledEvent
    | WebhookEndpointDisabledEvent
    | WebhookSecretRotatedEvent
    | WebhookSecretRewrappedEvent
    | WebhookTestRequestedEvent
    | WebhookEndpointDeletedEvent
)
