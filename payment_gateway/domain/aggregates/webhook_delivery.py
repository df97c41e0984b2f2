"""The WebhookDelivery aggregate: one event on its way to one endpoint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from payment_gateway.domain.errors import WebhookDeliveryNotFound
from payment_gateway.domain.events.webhook_delivery import (
    WebhookDeliveredEvent,
    WebhookDeliveryAttemptedEvent,
    WebhookDeliveryEvent,
    WebhookDeliveryParkedEvent,
    WebhookDeliveryResentEvent,
    WebhookDeliveryScheduledEvent,
)

GONE = "gone"
EXHAUSTED = "exhausted"


class WebhookDeliveryStatus(StrEnum):
    """Where a delivery stands."""

    SCHEDULED = "SCHEDULED"
    DELIVERED = "DELIVERED"
    PARKED = "PARKED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleWebhookDelivery:
    """Deliver an event to an endpoint."""

    tenant_id: str
    delivery_id: str
    endpoint_id: str
    event_id: str
    event_type: str
    source: str
    retry_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordWebhookAttempt:
    """Keep what came of sending it once.

    Attributes:
        after_attempts: How many attempts there were when it was sent; another may have been quicker.
        next_at: When to send again should this have failed; ``None`` for never.
        gone: Whether the endpoint said that it is no more.
    """

    after_attempts: int
    status: int | None
    error: str | None
    duration_ms: int
    subject_id: str | None
    excerpt: str | None
    next_at: datetime | None
    gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkWebhookDelivery:
    """Do not send it, for a reason that lies in its endpoint."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResendWebhookDelivery:
    """Send it again, with a whole schedule before it."""

    retry_until: datetime


WebhookDeliveryCommand = (
    ScheduleWebhookDelivery | RecordWebhookAttempt | ParkWebhookDelivery | ResendWebhookDelivery
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDelivery:
    """One event on its way to one endpoint.

    Attributes:
        attempts: How often it was sent, over all resends.
        retry_until: When the last attempt is made, should all fail.
        round_attempts: How often it was sent since it was last scheduled or resent.
        next_at: When it is to be sent; ``None`` for at once, or for never where it has ended.
    """

    tenant_id: str
    delivery_id: str
    endpoint_id: str
    event_id: str
    event_type: str
    source: str
    retry_until: datetime
    status: WebhookDeliveryStatus = WebhookDeliveryStatus.SCHEDULED
    attempts: int = 0
    round_attempts: int = 0
    next_at: datetime | None = None
    parked_reason: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is still to be sent."""
        return self.status is WebhookDeliveryStatus.SCHEDULED


def decide(
    command: WebhookDeliveryCommand, delivery: WebhookDelivery | None
) -> list[WebhookDeliveryEvent]:
    """Return what a command causes: nothing where it was carried out before.

    Raises:
        WebhookDeliveryNotFound: There is none.
    """
    if isinstance(command, ScheduleWebhookDelivery):
        return [] if delivery is not None else [_scheduled(command)]
    if delivery is None:
        raise WebhookDeliveryNotFound
    match command:
        case RecordWebhookAttempt():
            return _record(command, delivery)
        case ParkWebhookDelivery():
            return [_parked(delivery, command.reason)] if delivery.is_open else []
        case ResendWebhookDelivery():
            return [] if delivery.is_open else [_resent(delivery, command)]
        case _:
            assert_never(command)


def evolve(delivery: WebhookDelivery | None, event: WebhookDeliveryEvent) -> WebhookDelivery:
    """Return the delivery after an event."""
    if isinstance(event, WebhookDeliveryScheduledEvent):
        return WebhookDelivery(
            tenant_id=event.tenant_id,
            delivery_id=event.delivery_id,
            endpoint_id=event.endpoint_id,
            event_id=event.event_id,
            event_type=event.event_type,
            source=event.source,
            retry_until=event.retry_until,
        )
    assert delivery is not None, "a delivery begins with WebhookDeliveryScheduled"
    match event:
        case WebhookDeliveryAttemptedEvent():
            return replace(
                delivery,
                attempts=event.attempt,
                round_attempts=delivery.round_attempts + 1,
                next_at=event.next_at,
            )
        case WebhookDeliveredEvent():
            return replace(delivery, status=WebhookDeliveryStatus.DELIVERED, next_at=None)
        case WebhookDeliveryParkedEvent():
            return replace(
                delivery,
                status=WebhookDeliveryStatus.PARKED,
                next_at=None,
                parked_reason=event.reason,
            )
        case WebhookDeliveryResentEvent():
            return replace(
                delivery,
                status=WebhookDeliveryStatus.SCHEDULED,
                retry_until=event.retry_until,
                round_attempts=0,
                next_at=None,
                parked_reason=None,
            )
        case _:
            assert_never(event)


def _scheduled(command: ScheduleWebhookDelivery) -> WebhookDeliveryScheduledEvent:
    return WebhookDeliveryScheduledEvent(
        tenant_id=command.tenant_id,
        delivery_id=command.delivery_id,
        endpoint_id=command.endpoint_id,
        event_id=command.event_id,
        event_type=command.event_type,
        source=command.source,
        retry_until=command.retry_until,
    )


def _record(command: RecordWebhookAttempt, delivery: WebhookDelivery) -> list[WebhookDeliveryEvent]:
    if not delivery.is_open or delivery.attempts != command.after_attempts:
        return []
    attempt = delivery.attempts + 1
    retried = command.error is not None and not command.gone
    attempted = WebhookDeliveryAttemptedEvent(
        **_owner(delivery),
        attempt=attempt,
        status=command.status,
        error=command.error,
        duration_ms=command.duration_ms,
        subject_id=command.subject_id,
        excerpt=command.excerpt,
        next_at=command.next_at if retried else None,
    )
    if command.error is None:
        return [attempted, WebhookDeliveredEvent(**_owner(delivery), attempts=attempt)]
    if command.gone:
        return [attempted, _parked(delivery, GONE)]
    if command.next_at is None:
        return [attempted, _parked(delivery, EXHAUSTED)]
    return [attempted]


def _parked(delivery: WebhookDelivery, reason: str) -> WebhookDeliveryParkedEvent:
    return WebhookDeliveryParkedEvent(**_owner(delivery), reason=reason)


def _resent(
    delivery: WebhookDelivery, command: ResendWebhookDelivery
) -> WebhookDeliveryResentEvent:
    return WebhookDeliveryResentEvent(
        **_owner(delivery),
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        source=delivery.source,
        retry_until=command.retry_until,
    )


def _owner(delivery: WebhookDelivery) -> dict[str, str]:
    return {
        "tenant_id": delivery.tenant_id,
        "delivery_id": delivery.delivery_id,
        "endpoint_id": delivery.endpoint_id,
    }
