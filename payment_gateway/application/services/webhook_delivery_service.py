"""Keeps each event's way to each endpoint, and begins it anew where somebody asks for that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, get_args
from uuid import UUID, uuid5

from payment_gateway.application.ports import CommandContext, EventStore, RecordedEvent
from payment_gateway.application.services.personal_data_service import (
    PersonalDataService,
    SubjectForgotten,
)
from payment_gateway.application.services.stream_service import Executed, Loaded, StreamService
from payment_gateway.application.webhook_deliveries import (
    AttemptRecord,
    DeliveryFilter,
    DeliveryRecord,
    WebhookDeliveryRecords,
)
from payment_gateway.domain.aggregates.webhook_delivery import (
    ResendWebhookDelivery,
    WebhookDelivery,
    WebhookDeliveryCommand,
    WebhookDeliveryStatus,
    decide,
    evolve,
)
from payment_gateway.domain.errors import WebhookDeliveryNotFound
from payment_gateway.domain.events.payment import PaymentInitiatedEvent
from payment_gateway.domain.events.webhook_delivery import WebhookDeliveryEvent

# The last attempt is made so long after the first was due.
GIVE_UP_AFTER: Final = timedelta(days=3)
RESEND_MAX: Final = 1_000  # with one request
RESENT_AT_ONCE: Final = 16
EXCERPT: Final = "excerpt"

Delivered = Executed[WebhookDelivery, WebhookDeliveryEvent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The event that is delivered, and what its payment says about it; a test has no payment."""

    recorded: RecordedEvent
    payment_id: str | None
    currency: str | None
    subject_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resent:
    """A delivery as it was found, and where in the log its being sent again is, or its last event."""

    record: DeliveryRecord
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResentRange:
    """What resending a range did.

    Attributes:
        resent: How many are sent again.
        has_more: Whether the limit was reached before the end of the range.
        position: Of the last of it in the log; 0 where nothing was.
    """

    resent: int
    has_more: bool
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDeliveryService:
    """One stream for each event and endpoint."""

    store: EventStore
    records: WebhookDeliveryRecords
    personal_data: PersonalDataService

    async def load(self, delivery_id: str) -> Loaded[WebhookDelivery]:
        """Return where a delivery stands; raises ``EventStoreUnavailable``."""
        return await self._streams.load(delivery_id)

    async def execute(
        self,
        delivery_id: str,
        command: WebhookDeliveryCommand,
        context: CommandContext,
        *,
        after: Loaded[WebhookDelivery] | None = None,
    ) -> Delivered:
        """Carry a command out.

        Raises:
            WebhookDeliveryNotFound: There is none.
            StreamMoved: Others kept changing it.
            EventStoreUnavailable: No answer; carrying it out again is safe.
        """
        return await self._streams.execute(
            delivery_id, lambda state: decide(command, state), context, after=after
        )

    async def resend(self, delivery_id: str, context: CommandContext) -> Resent:
        """Send an event again that was delivered or parked; one that is on its way stays as it is.

        Raises:
            WebhookDeliveryNotFound: The tenant has none of that id.
            QueueUnavailable: No answer.
            EventStoreUnavailable: No answer; resending again is safe.
        """
        record = await self.find(delivery_id, tenant_id=context.tenant_id)
        if record.status is WebhookDeliveryStatus.SCHEDULED:
            return Resent(record=record, position=(await self.load(delivery_id)).position)
        executed = await self.execute(delivery_id, _resend(context), context)
        return Resent(record=record, position=executed.position)

    async def resend_range(self, which: DeliveryFilter, context: CommandContext) -> ResentRange:
        """Send again what has ended in a range, newest first, ``RESEND_MAX`` at most.

        Raises:
            QueueUnavailable: No answer; resending again is safe.
            EventStoreUnavailable: No answer; what was resent is sent.
        """
        found = await self.records.deliveries(which, limit=RESEND_MAX + 1)
        wanted = found[:RESEND_MAX]
        position = 0
        for start in range(0, len(wanted), RESENT_AT_ONCE):
            executed = await asyncio.gather(
                *(
                    self.execute(one.delivery_id, _resend(context), context)
                    for one in wanted[start : start + RESENT_AT_ONCE]
                )
            )
            position = max(position, *(one.position for one in executed))
        return ResentRange(resent=len(wanted), has_more=len(found) > RESEND_MAX, position=position)

    async def find(self, delivery_id: str, *, tenant_id: str | None) -> DeliveryRecord:
        """Return a tenant's delivery, or any tenant's for ``None``.

        Raises:
            WebhookDeliveryNotFound: The tenant has none of that id, or it is no longer listed.
            QueueUnavailable: No answer.
        """
        record = await self.records.delivery(delivery_id)
        if record is None or tenant_id not in {record.tenant_id, None}:
            raise WebhookDeliveryNotFound
        return record

    async def source(self, stream: str, event_id: str) -> Source:
        """Return the event that a delivery is about; raises ``EventStoreUnavailable``."""
        events = (await self.store.read(stream)).events
        recorded = next(one for one in events if one.event_id == event_id)
        first = events[0].event
        if not isinstance(first, PaymentInitiatedEvent):
            _, _, endpoint_id = stream.partition("-")
            return Source(recorded=recorded, payment_id=None, currency=None, subject_id=endpoint_id)
        return Source(
            recorded=recorded,
            payment_id=first.payment_id,
            currency=first.currency,
            subject_id=first.subject_id or first.payment_id,
        )

    async def seal_excerpt(
        self, text: str, *, subject_id: str, context: CommandContext
    ) -> str | None:
        """Return what a receiver said under the key of whom the event is about.

        ``None`` where that person was forgotten: what is said of their payments is not kept.
        """
        try:
            return await self.personal_data.seal(
                {EXCERPT: text}, subject_id=subject_id, context=context
            )
        except SubjectForgotten:
            return None

    async def open_excerpts(
        self, attempts: Sequence[AttemptRecord], *, tenant_id: str
    ) -> list[str | None]:
        """Return what the receiver said to each attempt; ``None`` for nothing, or where it is erased."""
        return list(await asyncio.gather(*(self._open_excerpt(one, tenant_id) for one in attempts)))

    async def _open_excerpt(self, attempt: AttemptRecord, tenant_id: str) -> str | None:
        if attempt.excerpt is None or attempt.subject_id is None:
            return None
        opened = await self.personal_data.open(
            attempt.excerpt, tenant_id=tenant_id, subject_id=attempt.subject_id
        )
        return None if opened is None else str(opened[EXCERPT])

    @property
    def _streams(self) -> StreamService[WebhookDelivery, WebhookDeliveryEvent]:
        return StreamService(
            store=self.store,
            category="delivery",
            event_types=get_args(WebhookDeliveryEvent),
            evolve=evolve,
        )


def _resend(context: CommandContext) -> ResendWebhookDelivery:
    return ResendWebhookDelivery(retry_until=context.at + GIVE_UP_AFTER)


def delivery_id_of(endpoint_id: str, event_id: str) -> str:
    """Return the id of an event's way to an endpoint: the same whenever it is asked for."""
    return str(uuid5(UUID(endpoint_id), event_id))
