"""Send one event to one endpoint, and keep what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import structlog

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.log_context import logged_for
from payment_gateway.application.ports import CommandContext
from payment_gateway.application.sagas.webhook_delivery_schedule import (
    next_attempt_at,
    should_disable,
)
from payment_gateway.application.services.stream_service import Loaded
from payment_gateway.application.services.webhook_delivery_service import GIVE_UP_AFTER, Source
from payment_gateway.application.webhook_deliveries import (
    Answered,
    DueDelivery,
    Signed,
    WebhookDeliveryQueue,
)
from payment_gateway.domain.aggregates.webhook_delivery import (
    GONE,
    ParkWebhookDelivery,
    RecordWebhookAttempt,
    ScheduleWebhookDelivery,
    WebhookDelivery,
)
from payment_gateway.domain.aggregates.webhook_endpoint import WebhookEndpoint
from payment_gateway.domain.errors import WebhookEndpointNotFound

ACTOR: Final = "webhook-delivery"
FAILING: Final = "failing"
TEST_SOURCE: Final = "endpoint-"
GONE_STATUS: Final = 410

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivering:
    """What sending takes beside the gateway.

    Attributes:
        random: Returns a number from 0 up to, not including, 1; spreads retries.
    """

    queue: WebhookDeliveryQueue
    random: Callable[[], float]


async def deliver_webhook(due: DueDelivery, gateway: Gateway, by: Delivering) -> datetime | None:
    """Send what is due and return when to look again, ``None`` for never.

    That it is to be sent is an event before anything leaves, and so is what came of it. Should the
    process die between the two, it is sent again with the same ``webhook-id``.

    Raises:
        EventStoreUnavailable: No answer; look again later.
        KeySourceUnavailable: The secrets cannot be opened at the moment; look again later.
        SealBroken: The secrets cannot be opened.
        QueueUnavailable: No answer; look again later.
        StreamMoved: Others kept changing the same thing.
    """
    with logged_for(_context(due, gateway), delivery_id=due.delivery_id):
        return await _deliver(due, gateway, by)


async def _deliver(due: DueDelivery, gateway: Gateway, by: Delivering) -> datetime | None:
    loaded = await gateway.webhook_deliveries.load(due.delivery_id)
    if loaded.state is None:
        loaded = await _schedule(due, gateway)
    delivery = loaded.state
    assert delivery is not None, "it was scheduled"
    if not delivery.is_open:
        return None
    now = gateway.now()
    if delivery.next_at is not None and delivery.next_at > now:
        return delivery.next_at
    endpoint = await _endpoint(delivery, gateway)
    reason = _reason_not_to_send(delivery, endpoint)
    if reason is not None or endpoint is None:
        command = ParkWebhookDelivery(reason=reason or "endpoint_deleted")
        context = _context(due, gateway)
        await gateway.webhook_deliveries.execute(due.delivery_id, command, context, after=loaded)
        log.warning("webhook_delivery.parked", reason=command.reason, **_about(due))
        return None
    return await _send(due, loaded, endpoint, gateway, by)


async def _schedule(due: DueDelivery, gateway: Gateway) -> Loaded[WebhookDelivery]:
    context = _context(due, gateway)
    command = ScheduleWebhookDelivery(
        tenant_id=due.tenant_id,
        delivery_id=due.delivery_id,
        endpoint_id=due.endpoint_id,
        event_id=due.event_id,
        event_type=due.event_type,
        source=due.source,
        retry_until=context.at + GIVE_UP_AFTER,
    )
    executed = await gateway.webhook_deliveries.execute(due.delivery_id, command, context)
    return executed.loaded


async def _endpoint(delivery: WebhookDelivery, gateway: Gateway) -> WebhookEndpoint | None:
    try:
        return await gateway.webhook_endpoints.find(
            delivery.endpoint_id, tenant_id=delivery.tenant_id
        )
    except WebhookEndpointNotFound:
        return None


def _reason_not_to_send(delivery: WebhookDelivery, endpoint: WebhookEndpoint | None) -> str | None:
    if endpoint is None:
        return "endpoint_deleted"
    if endpoint.enabled or delivery.source.startswith(TEST_SOURCE):
        return None
    return "endpoint_disabled" if endpoint.disabled_reason else "endpoint_paused"


async def _send(
    due: DueDelivery,
    loaded: Loaded[WebhookDelivery],
    endpoint: WebhookEndpoint,
    gateway: Gateway,
    by: Delivering,
) -> datetime | None:
    delivery = loaded.state
    assert delivery is not None, "only what is scheduled is sent"
    source = await gateway.webhook_deliveries.source(due.source, due.event_id)
    signed = signed_of(endpoint, source, gateway, gateway.now())
    answered = await gateway.webhook_sender.send(signed)
    # What came of it goes on in the trace of what was sent.
    traceparent = source.recorded.context.traceparent
    context = replace(_context(due, gateway), traceparent=traceparent)
    next_at = next_attempt_at(
        attempts=delivery.round_attempts + 1,
        ends_at=delivery.retry_until,
        now=context.at,
        retry_after_s=answered.retry_after_s,
        random=by.random,
    )
    command = await _record(
        answered, delivery, source, next_at=next_at, gateway=gateway, context=context
    )
    executed = await gateway.webhook_deliveries.execute(
        due.delivery_id, command, context, after=loaded
    )
    _note(due, answered, executed.state)
    if answered.error is not None:
        await _give_up(endpoint, answered, gateway, by, context)
    return executed.state.next_at


def signed_of(endpoint: WebhookEndpoint, source: Source, gateway: Gateway, at: datetime) -> Signed:
    """Return what is sent of an event to an endpoint; raises ``SealBroken``, ``KeySourceUnavailable``."""
    return Signed(
        url=endpoint.url,
        tenant_id=endpoint.tenant_id,
        recorded=source.recorded,
        payment_id=source.payment_id,
        currency=source.currency,
        secrets=gateway.webhook_endpoints.signing_secrets(endpoint, at),
        at=at,
    )


async def _record(
    answered: Answered,
    delivery: WebhookDelivery,
    source: Source,
    *,
    next_at: datetime | None,
    gateway: Gateway,
    context: CommandContext,
) -> RecordWebhookAttempt:
    sealed = None
    if answered.excerpt:
        sealed = await gateway.webhook_deliveries.seal_excerpt(
            answered.excerpt, subject_id=source.subject_id, context=context
        )
    return RecordWebhookAttempt(
        after_attempts=delivery.attempts,
        status=answered.status,
        error=answered.error,
        duration_ms=answered.duration_ms,
        subject_id=source.subject_id if sealed else None,
        excerpt=sealed,
        next_at=next_at,
        gone=answered.status == GONE_STATUS,
    )


async def _give_up(
    endpoint: WebhookEndpoint,
    answered: Answered,
    gateway: Gateway,
    by: Delivering,
    context: CommandContext,
) -> None:
    """Disable an endpoint that is gone, or has failed for too long."""
    failing = None
    if answered.status != GONE_STATUS:
        failing = await by.queue.failing(endpoint.endpoint_id)
        if not should_disable(failing, context.at):
            return
    executed = await gateway.webhook_endpoints.disable(
        endpoint.endpoint_id,
        reason=GONE if failing is None else FAILING,
        failing_since=None if failing is None else failing.since,
        context=context,
    )
    if executed.events:
        log.error(
            "webhook_endpoint.disabled",
            endpoint_id=endpoint.endpoint_id,
            tenant_id=endpoint.tenant_id,
            reason=executed.state.disabled_reason,
        )


def _note(due: DueDelivery, answered: Answered, delivery: WebhookDelivery) -> None:
    told = {"attempt": delivery.attempts, "status": answered.status, **_about(due)}
    if answered.error is None:
        log.info("webhook_delivery.delivered", duration_ms=answered.duration_ms, **told)
    elif delivery.is_open:
        log.warning(
            "webhook_delivery.failed",
            error=answered.error,
            next_at=delivery.next_at.isoformat() if delivery.next_at else None,
            **told,
        )
    else:
        log.error("webhook_delivery.parked", error=answered.error, **told)


def _about(due: DueDelivery) -> dict[str, str]:
    return {
        "delivery_id": due.delivery_id,
        "endpoint_id": due.endpoint_id,
        "tenant_id": due.tenant_id,
        "event_id": due.event_id,
        "type": due.event_type,
    }


def _context(due: DueDelivery, gateway: Gateway) -> CommandContext:
    return CommandContext(
        tenant_id=due.tenant_id,
        actor=ACTOR,
        correlation_id=due.delivery_id,
        causation_id=due.event_id,
        at=gateway.now(),
    )
