"""What can have happened to one event on its way to one endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDeliveryScheduledEvent:
    """An event is to be delivered to an endpoint; nothing was sent yet.

    Attributes:
        event_id: Of the event that is delivered; the receiver sees it as ``webhook-id``.
        event_type: Its stored name.
        source: The stream that has it.
        retry_until: When the last attempt is made, should all fail.
    """

    tenant_id: str
    delivery_id: str
    endpoint_id: str
    event_id: str
    event_type: str
    source: str
    retry_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDeliveryAttemptedEvent:
    """The event was sent once, or could not be.

    Attributes:
        attempt: Counts from 1, over all resends.
        status: The HTTP status of the answer; null if there was none.
        error: Why the attempt counts as failed; null if it succeeded.
        duration_ms: From resolving the name to the end of the answer.
        subject_id: Whose key seals the excerpt; null where there is none.
        excerpt: The beginning of a failed attempt's answer, masked and sealed: a receiver may name people in it.
        next_at: When the next attempt follows; null if none does.
    """

    tenant_id: str
    delivery_id: str
    endpoint_id: str
    attempt: int
    status: int | None
    error: str | None
    duration_ms: int
    subject_id: str | None
    excerpt: str | None
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDeliveredEvent:
    """The endpoint took the event: it answered 2xx.

    Attributes:
        attempts: How often it was sent.
    """

    tenant_id: str
    delivery_id: str
    endpoint_id: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDeliveryParkedEvent:
    """No further attempt is made unless somebody asks for it.

    Attributes:
        reason: ``exhausted``, the schedule has ended; ``gone``, the endpoint answered 410;
            ``endpoint_paused``, ``endpoint_disabled`` or ``endpoint_deleted``, as it was when an attempt was due.
    """

    tenant_id: str
    delivery_id: str
    endpoint_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDeliveryResentEvent:
    """Somebody wants the same event sent again; the schedule begins anew.

    Attributes:
        event_id: Of the event that is delivered, as before.
        event_type: Its stored name.
        source: The stream that has it.
        retry_until: When the last attempt is made, should all fail.
    """

    tenant_id: str
    delivery_id: str
    endpoint_id: str
    event_id: str
    event_type: str
    source: str
    retry_until: datetime


WebhookDeliveryEvent = (
    WebhookDeliveryScheduledEvent
    | WebhookDeliveryAttemptedEvent
    | WebhookDeliveredEvent
    | WebhookDeliveryParkedEvent
    | WebhookDeliveryResentEvent
)
