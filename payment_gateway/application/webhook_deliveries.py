"""What the application needs from outside to send tenants' events to their endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from payment_gateway.application.ports import RecordedEvent
from payment_gateway.domain.aggregates.webhook_delivery import WebhookDeliveryStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDelivery:
    """A delivery that is to be sent, claimed by one process.

    Attributes:
        source: The stream of the event that is delivered.
        event_at: When that event was recorded.
        tries: How often it was claimed.
        claimed_until: After this another process may take it.
    """

    delivery_id: str
    tenant_id: str
    endpoint_id: str
    event_id: str
    event_type: str
    source: str
    event_at: datetime
    tries: int
    claimed_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """How an endpoint has fared since it last took anything."""

    since: datetime
    failures: int


class WebhookDeliveryQueue(Protocol):
    """Deliveries that wait to be sent; derived from the events."""

    async def claim(self, now: datetime, *, busy_endpoints: AbstractSet[str]) -> DueDelivery | None:
        """Return a delivery that is due, to one process only, to none of the busy endpoints.

        Raises:
            QueueUnavailable: No answer; try again later.
        """
        ...

    async def finish(self, due: DueDelivery, next_at: datetime | None) -> None:
        """Set when to look again, or never.

        Raises:
            QueueUnavailable: No answer; it is looked at again.
        """
        ...

    async def failing(self, endpoint_id: str) -> Failing | None:
        """Return how an endpoint has failed without a break; ``None`` where it has not.

        Raises:
            QueueUnavailable: No answer.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What is sent and where to.

    Attributes:
        recorded: The event.
        payment_id: Of the payment that it is about; ``None`` for a test.
        currency: Of that payment.
        secrets: Each signs, the newest first; in clear, for this request alone.
        at: When it is sent.
    """

    url: str
    tenant_id: str
    recorded: RecordedEvent
    payment_id: str | None
    currency: str | None
    secrets: Sequence[bytes]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came of sending once.

    Attributes:
        status: ``None`` where there was no answer.
        error: Why it counts as failed; ``None`` if the receiver took it.
        retry_after_s: For how long the receiver asks to be left alone.
        excerpt: The beginning of the answer to a failed attempt, masked; empty where there is none.
    """

    status: int | None
    error: str | None
    duration_ms: int
    retry_after_s: float | None
    excerpt: str


class WebhookSender(Protocol):
    """Sends an event to an address, once."""

    async def send(self, signed: Signed) -> Answered:
        """Send and return what came of it. Never raises for what lies in the address or the receiver."""
        ...

    def preview(self, signed: Signed) -> Mapping[str, Any]:
        """Return the request as it would be sent, its signatures masked: ``url``, ``headers``, ``body``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One attempt as it is listed."""

    attempt: int
    at: datetime
    status: int | None
    error: str | None
    duration_ms: int
    subject_id: str | None
    excerpt: str | None
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """A delivery as it is listed.

    Attributes:
        attempts: The newest of them, oldest first.
    """

    delivery_id: str
    tenant_id: str
    endpoint_id: str
    event_id: str
    event_type: str
    source: str
    event_at: datetime
    status: WebhookDeliveryStatus
    attempt_count: int
    attempts: tuple[AttemptRecord, ...]
    next_at: datetime | None
    parked_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """Which deliveries of an endpoint; what is ``None`` or empty does not matter.

    Attributes:
        types: Stored names of the events.
        source: The stream that the events are of.
        since: Events recorded at this time or later.
        before: Events recorded before this time.
        after: The last one of the page before: its event's time, and its id.
    """

    endpoint_id: str
    types: tuple[str, ...] = ()
    statuses: tuple[WebhookDeliveryStatus, ...] = ()
    source: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    after: tuple[datetime, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRecord:
    """An endpoint as it is listed, beside what its stream says."""

    endpoint_id: str
    created_at: datetime
    failing: Failing | None
    disabled_at: datetime | None


class WebhookDeliveryRecords(Protocol):
    """Endpoints and deliveries as they are listed; derived from the events."""

    async def endpoints(self, tenant_id: str) -> Sequence[EndpointRecord]:
        """Return a tenant's endpoints that are not deleted, oldest first; raises ``QueueUnavailable``."""
        ...

    async def endpoint(self, endpoint_id: str) -> EndpointRecord | None:
        """Return one; ``None`` where it has not arrived yet. Raises ``QueueUnavailable``."""
        ...

    async def deliveries(self, which: DeliveryFilter, *, limit: int) -> Sequence[DeliveryRecord]:
        """Return deliveries, newest events first; raises ``QueueUnavailable``."""
        ...

    async def delivery(self, delivery_id: str) -> DeliveryRecord | None:
        """Return one; ``None`` where there is none or it is too old. Raises ``QueueUnavailable``."""
        ...
