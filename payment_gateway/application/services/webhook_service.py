"""Keeps providers' notifications, each once, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from payment_gateway.application.ports import CommandContext, EventStore, StreamMoved
from payment_gateway.application.webhooks import ProviderWebhooks
from payment_gateway.domain.errors import UnsupportedProviderError
from payment_gateway.domain.events.payment import PaymentInitiatedEvent
from payment_gateway.domain.events.webhook import (
    WebhookAppliedEvent,
    WebhookDiscardedEvent,
    WebhookParkedEvent,
    WebhookReceivedEvent,
    WebhookReplayRequestedEvent,
)
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO

WebhookOutcome = WebhookAppliedEvent | WebhookParkedEvent | WebhookDiscardedEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedWebhook:
    """A notification that was not applied, and why."""

    received: WebhookReceivedEvent
    reason: str

    @property
    def tenant_id(self) -> str:
        """The tenant that it is for."""
        return self.received.tenant_id


class WebhookNotParked(Exception):
    """There is no such notification, or it is not parked."""

    def __init__(self, stream: str) -> None:
        super().__init__(f"{stream} is no notification that is parked")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWebhook:
    """A notification as stored.

    Attributes:
        event_id: The id of the event that stored it.
        revision: Where its stream ends.
        outcome: ``None`` while nothing was done about it.
    """

    stream: str
    received: WebhookReceivedEvent
    event_id: str
    correlation_id: str
    revision: int
    outcome: WebhookOutcome | None


@dataclass(frozen=True, slots=True)
class WebhookService:
    """One stream a notification.

    Attributes:
        providers: How notifications are read and verified, by provider type; there are none from
            others.
    """

    store: EventStore
    providers: Mapping[str, ProviderWebhooks]

    def of(self, provider_type: str) -> ProviderWebhooks:
        """Return how a provider's notifications are read and verified.

        Raises:
            UnsupportedProviderError: None are taken from it.
        """
        found = self.providers.get(provider_type)
        if found is None:
            raise UnsupportedProviderError(provider_type, tuple(sorted(self.providers)))
        return found

    async def record(self, received: WebhookReceivedEvent, context: CommandContext) -> bool:
        """Store a notification; ``False`` if it was stored before.

        Raises:
            EventStoreUnavailable: No answer; storing again is safe.
        """
        # Tenants that share an account at the provider are sent the same notifications: whoever
        # comes second must not be taken for a repetition.
        for name in (received.delivery_id, f"{received.delivery_id}.{received.tenant_id}"):
            stream = stream_of(received.provider, name)
            try:
                await self.store.append(stream, [received], expected=None, context=context)
            except StreamMoved:
                if (await self.find(stream)).received.tenant_id == received.tenant_id:
                    return False
            else:
                return True
        raise StreamMoved(stream_of(received.provider, received.delivery_id))

    async def find(self, stream: str) -> StoredWebhook:
        """Return a notification that was stored.

        Raises:
            EventStoreUnavailable: The event store gave no answer.
        """
        history = await self.store.read(stream)
        assert history.revision is not None, f"{stream} was never written"
        first = history.events[0]
        assert isinstance(first.event, WebhookReceivedEvent), "a stream of a notification"
        last = history.events[-1].event
        return StoredWebhook(
            stream=stream,
            received=first.event,
            event_id=first.event_id,
            correlation_id=first.context.correlation_id,
            revision=history.revision,
            outcome=last if isinstance(last, WebhookOutcome) else None,
        )

    async def conclude(
        self, webhook: StoredWebhook, outcome: WebhookOutcome, context: CommandContext
    ) -> None:
        """Store what became of a notification; where another process was quicker, that counts.

        Raises:
            EventStoreUnavailable: No answer; storing again is safe.
        """
        try:
            await self.store.append(
                webhook.stream, [outcome], expected=webhook.revision, context=context
            )
        except StreamMoved:
            return

    async def replay(self, stream: str, context: CommandContext) -> None:
        """Have a parked notification applied once more; the same step again changes nothing.

        Args:
            stream: Of the notification.
            context: Who decides; its ``causation_id`` is that of the step.

        Raises:
            WebhookNotParked: There is none of that name that is parked.
            StreamMoved: Someone else decided about it meanwhile.
            EventStoreUnavailable: No answer; asking again is safe.
        """
        if await self._was_taken(stream, context):
            return
        parked = await self._parked(stream)
        received = parked.received
        again = WebhookReplayRequestedEvent(
            provider=received.provider,
            tenant_id=received.tenant_id,
            delivery_id=received.delivery_id,
        )
        await self.store.append(stream, [again], expected=parked.revision, context=context)

    async def discard(self, stream: str, reason: str, context: CommandContext) -> None:
        """Decide that a parked notification is never applied; the same step again changes nothing.

        Args:
            stream: Of the notification.
            reason: Why.
            context: Who decides; its ``causation_id`` is that of the step.

        Raises:
            WebhookNotParked: There is none of that name that is parked.
            StreamMoved: Someone else decided about it meanwhile.
            EventStoreUnavailable: No answer; asking again is safe.
        """
        if await self._was_taken(stream, context):
            return
        parked = await self._parked(stream)
        received = parked.received
        discarded = WebhookDiscardedEvent(
            provider=received.provider,
            tenant_id=received.tenant_id,
            delivery_id=received.delivery_id,
            payment_id=received.payment_id,
            reason=reason,
        )
        await self.store.append(stream, [discarded], expected=parked.revision, context=context)

    async def find_parked(self, stream: str) -> ParkedWebhook:
        """Return a notification that is parked.

        Raises:
            WebhookNotParked: There is none of that name that is parked.
            EventStoreUnavailable: The event store gave no answer.
        """
        found = await self._parked(stream)
        assert isinstance(found.outcome, WebhookParkedEvent), "what is parked"
        return ParkedWebhook(received=found.received, reason=found.outcome.reason)

    async def tenant_of(self, stream: str) -> str:
        """Return whose notification it is.

        Raises:
            WebhookNotParked: There is none of that name.
            EventStoreUnavailable: The event store gave no answer.
        """
        if (await self.store.read(stream)).revision is None:
            raise WebhookNotParked(stream)
        return (await self.find(stream)).received.tenant_id

    async def _was_taken(self, stream: str, context: CommandContext) -> bool:
        """Whether a step was taken by a process that died before it could say so."""
        if context.causation_id is None:
            return False
        events = (await self.store.read(stream)).events
        return any(one.context.causation_id == context.causation_id for one in events)

    async def _parked(self, stream: str) -> StoredWebhook:
        if (await self.store.read(stream)).revision is not None:
            found = await self.find(stream)
            if isinstance(found.outcome, WebhookParkedEvent):
                return found
        raise WebhookNotParked(stream)

    async def subject_of(self, payment_id: PaymentIdVO, *, tenant_id: str) -> str | None:
        """Return whose data a payment of this tenant carries; ``None`` if there is no such payment.

        Raises:
            EventStoreUnavailable: The event store gave no answer.
        """
        for recorded in (await self.store.read(f"payment-{payment_id}")).events:
            initiated = recorded.event
            assert isinstance(initiated, PaymentInitiatedEvent), "how each payment begins"
            if initiated.tenant_id == tenant_id:
                return initiated.subject_id or payment_id.value
            break
        return None


def stream_of(provider_type: str, delivery_id: str) -> str:
    """Return the name of a notification's stream."""
    return f"webhook-{provider_type.lower()}.{delivery_id}"
