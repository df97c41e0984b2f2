"""Applies stored notifications as they come, some at a time, until it is stopped."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NoReturn

import structlog

from payment_gateway.application.commands.apply_webhook import NotYetApplicable, apply_webhook
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.log_context import logged_for
from payment_gateway.application.ports import (
    CommandContext,
    EventStoreUnavailable,
    KeySourceUnavailable,
    QueueUnavailable,
    SealBroken,
    StreamMoved,
)
from payment_gateway.application.sagas.work_off import work_off
from payment_gateway.application.services.webhook_service import StoredWebhook, WebhookOutcome
from payment_gateway.application.webhooks import CaptureIndex, DueWebhook, WebhookQueue
from payment_gateway.domain.errors import DomainError
from payment_gateway.domain.events.webhook import WebhookAppliedEvent, WebhookParkedEvent

AT_ONCE_MAX: Final = 16
IDLE_S: Final = 0.25
# After each try that failed the next one follows; after the last the notification is parked.
RETRIES: Final = (
    timedelta(seconds=1),
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=12),
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WebhookLoop:
    """One process's part of the work; any number of them share the queue.

    Attributes:
        age_max: A notification that was signed longer before it came is not applied.
    """

    queue: WebhookQueue
    captures: CaptureIndex
    gateway: Gateway
    age_max: timedelta

    async def run(self) -> NoReturn:
        """Apply what is due until cancelled; what fails is due again later."""
        await work_off(self.run_once, queue="webhooks", idle_s=IDLE_S)

    async def run_once(self) -> int:
        """Apply the notifications that are due now and return how many there were.

        Raises:
            QueueUnavailable: The queue gave no answer.
        """
        claimed = await self.queue.claim(self.gateway.now(), limit=AT_ONCE_MAX)
        await asyncio.gather(*(self._handle(due) for due in claimed))
        return len(claimed)

    async def _handle(self, due: DueWebhook) -> None:
        try:
            next_at = await self._conclude(due)
        except (
            EventStoreUnavailable,
            KeySourceUnavailable,
            QueueUnavailable,
            StreamMoved,
        ) as error:
            next_at = self.gateway.now() + RETRIES[min(due.tries, len(RETRIES) - 1)]
            log.warning("webhook.not_applied", stream=due.stream, error=type(error).__name__)
        await self.queue.finish(due, next_at)

    async def _conclude(self, due: DueWebhook) -> datetime | None:
        """Apply or park; return when to try again, if neither could be done."""
        webhook = await self.gateway.webhooks.find(due.stream)
        if webhook.outcome is not None:
            return None
        context = CommandContext(
            tenant_id=webhook.received.tenant_id,
            actor=webhook.received.provider.lower(),
            correlation_id=webhook.correlation_id,
            causation_id=webhook.event_id,
            at=self.gateway.now(),
        )
        try:
            with logged_for(context, payment_id=webhook.received.payment_id):
                outcome = await apply_webhook(
                    webhook, context, self.gateway, captures=self.captures, age_max=self.age_max
                )
        except (DomainError, NotYetApplicable, SealBroken) as error:
            reason = getattr(error, "code", type(error).__name__)
            tries_max = getattr(error, "tries_max", len(RETRIES))
            log.warning("webhook.not_applied", stream=due.stream, tries=due.tries, error=reason)
            if due.tries < tries_max:
                return context.at + RETRIES[due.tries]
            outcome = _parked(webhook, reason)
        await self.gateway.webhooks.conclude(webhook, outcome, context)
        _note(webhook, outcome)
        return None


def _parked(webhook: StoredWebhook, reason: str) -> WebhookParkedEvent:
    received = webhook.received
    return WebhookParkedEvent(
        provider=received.provider,
        tenant_id=received.tenant_id,
        delivery_id=received.delivery_id,
        payment_id=received.payment_id,
        reason=reason,
    )


def _note(webhook: StoredWebhook, outcome: WebhookOutcome) -> None:
    about = {
        "stream": webhook.stream,
        "tenant_id": outcome.tenant_id,
        "payment_id": outcome.payment_id,
        "type": webhook.received.event_type,
    }
    if isinstance(outcome, WebhookAppliedEvent):
        log.info("webhook.applied", changes=outcome.changes, **about)
    else:
        log.warning("webhook.parked", reason=outcome.reason, **about)
