"""What travels about webhook endpoints and deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, StrictBool

from payment_gateway.application.services.webhook_endpoint_service import (
    OVERLAP_S_DEFAULT,
    OVERLAP_S_MAX,
    TYPES_MAX,
)
from payment_gateway.application.webhook_deliveries import (
    AttemptRecord,
    DeliveryRecord,
    EndpointRecord,
)
from payment_gateway.domain.aggregates.webhook_delivery import WebhookDeliveryStatus
from payment_gateway.domain.aggregates.webhook_endpoint import WebhookEndpoint
from payment_gateway.domain.value_objects.payment_details import URL_LENGTH_MAX
from payment_gateway.presentation.rest.limits import (
    EVENT_TYPE_LENGTH_MAX,
)
from payment_gateway.presentation.rest.schemas import Answer, Body, TenantId

_PAYMENT: str = "payment-"

EndpointUrl = Annotated[
    str, Field(min_length=1, max_length=URL_LENGTH_MAX, examples=["https://shop.example/hooks"])
]
EventType = Annotated[str, Field(max_length=EVENT_TYPE_LENGTH_MAX, examples=["PaymentCompleted"])]
EventTypes = Annotated[
    list[EventType],
    Field(max_length=TYPES_MAX, description="Stored names of events; none for all of them."),
]
# A time arrives as text; everything else of a body is taken as it is.
Moment = Annotated[
    AwareDatetime, Field(strict=False, description="RFC 3339.", examples=["2026-02-03T04:05:06Z"])
]


class EndpointBody(Body):
    """Where events are to go."""

    tenant_id: Annotated[
        TenantId | None, Field(description="Needed with a key that speaks for all tenants.")
    ] = None
    url: EndpointUrl
    types: EventTypes = Field(default_factory=list)
    enabled: StrictBool = True


class ChangeEndpointBody(Body):
    """What is to be different about an endpoint; what is left out stays as it is."""

    url: EndpointUrl | None = None
    types: EventTypes | None = None
    enabled: StrictBool | None = None


class RotateBody(Body):
    """For how long the secret before signs beside the new one."""

    overlap_seconds: Annotated[int, Field(ge=0, le=OVERLAP_S_MAX)] = OVERLAP_S_DEFAULT


class ResendBody(Body):
    """Which of an endpoint's deliveries are sent again: by the time of their events, and by type."""

    from_: Annotated[Moment, Field(alias="from")]
    to: Moment
    types: EventTypes = Field(default_factory=list)
    statuses: list[Annotated[WebhookDeliveryStatus, Field(strict=False)]] = Field(
        default_factory=lambda: [WebhookDeliveryStatus.PARKED],
        max_length=len(WebhookDeliveryStatus),
        description="`PARKED` alone if it is left out.",
    )


class EndpointAnswer(Answer):
    """Where events go."""

    id: Annotated[str, Field(examples=["3f0e8a52-7d1c-4b6e-9a3f-2c5d8e7b1a90"])]
    tenant_id: TenantId
    url: str
    types: list[str]
    enabled: bool
    disabled_reason: str | None = Field(
        description="Why the gateway stopped sending: `gone` or `failing`."
    )


class EndpointStatusAnswer(EndpointAnswer):
    """Where events go, and how that has fared."""

    created_at: datetime | None
    disabled_at: datetime | None
    failing_since: datetime | None = Field(
        description="When the first attempt failed since the last that succeeded."
    )
    failures: int = Field(description="How many attempts have failed since.")


class EndpointSecretAnswer(EndpointAnswer):
    """An endpoint with its new secret, which is shown this once."""

    secret: Annotated[
        str | None,
        Field(
            examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],  # not-a-secret: an example
            description="Null in a repetition under the same `Idempotency-Key`.",
        ),
    ]


class EndpointPage(Answer):
    """All endpoints of a tenant, oldest first."""

    data: list[EndpointStatusAnswer]
    next_cursor: str | None


class TestAnswer(Answer):
    """The test that is on its way."""

    event_id: str = Field(description="Arrives as `webhook-id`.")
    delivery_id: str


class AttemptAnswer(Answer):
    """One attempt."""

    attempt: int
    at: datetime
    status: int | None = Field(description="The HTTP status; null where there was no answer.")
    error: str | None = Field(examples=["status_503"])
    duration_ms: int
    answer: str | None = Field(description="How the answer to a failed attempt begins, masked.")
    next_attempt_at: datetime | None


class DeliveryAnswer(Answer):
    """One event on its way to one endpoint."""

    id: str
    endpoint_id: str
    event_id: str
    event_type: str
    payment_id: str | None = Field(description="Null for a test.")
    recorded_at: datetime = Field(description="When the event was recorded.")
    status: WebhookDeliveryStatus
    attempts: int
    next_attempt_at: datetime | None
    parked_reason: str | None
    last_attempt: AttemptAnswer | None


class DeliveryDetailAnswer(DeliveryAnswer):
    """A delivery with its newest attempts, oldest first, and the request as it would be sent now."""

    history: list[AttemptAnswer]
    request: dict[str, Any] | None = Field(description="Null where the endpoint is deleted.")


class DeliveryPage(Answer):
    """A page of deliveries, newest events first."""

    data: list[DeliveryAnswer]
    next_cursor: str | None = Field(description="Asks for the next page; null on the last one.")


class ResentAnswer(Answer):
    """How many are sent again; with more left in that range, ask once more."""

    resent: int
    has_more: bool


def endpoint_fields(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Return what every answer says of an endpoint."""
    return {
        "id": endpoint.endpoint_id,
        "tenant_id": endpoint.tenant_id,
        "url": endpoint.url,
        "types": list(endpoint.types),
        "enabled": endpoint.enabled,
        "disabled_reason": endpoint.disabled_reason,
    }


def endpoint_status(
    endpoint: WebhookEndpoint, record: EndpointRecord | None
) -> EndpointStatusAnswer:
    """Return an endpoint as it is listed; ``record`` is ``None`` where it has not arrived yet."""
    failing = record.failing if record else None
    return EndpointStatusAnswer(
        **endpoint_fields(endpoint),
        created_at=record.created_at if record else None,
        disabled_at=record.disabled_at if record else None,
        failing_since=failing.since if failing else None,
        failures=failing.failures if failing else 0,
    )


def attempt_answer(attempt: AttemptRecord, excerpt: str | None) -> AttemptAnswer:
    """Return an attempt; ``excerpt`` is what the receiver said, opened."""
    return AttemptAnswer(
        attempt=attempt.attempt,
        at=attempt.at,
        status=attempt.status,
        error=attempt.error,
        duration_ms=attempt.duration_ms,
        answer=excerpt,
        next_attempt_at=attempt.next_at,
    )


def delivery_fields(record: DeliveryRecord, last: AttemptAnswer | None) -> dict[str, Any]:
    """Return what every answer says of a delivery."""
    is_payment = record.source.startswith(_PAYMENT)
    return {
        "id": record.delivery_id,
        "endpoint_id": record.endpoint_id,
        "event_id": record.event_id,
        "event_type": record.event_type,
        "payment_id": record.source.removeprefix(_PAYMENT) if is_payment else None,
        "recorded_at": record.event_at,
        "status": record.status,
        "attempts": record.attempt_count,
        "next_attempt_at": record.next_at,
        "parked_reason": record.parked_reason,
        "last_attempt": last,
    }
