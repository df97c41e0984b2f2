"""All that an installation has parked, whoever parked it: read models, reactors, notifications.

The command line and the REST interface take it up here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from payment_gateway.application.ports import CommandContext
from payment_gateway.bootstrap import OpenGateway
from payment_gateway.domain.events import DomainEvent
from payment_gateway.domain.events.dead_letter import (
    DeadLetterDiscardedEvent,
    DeadLetterReplayedEvent,
)
from payment_gateway.infrastructure.messaging.dead_letters import (
    LISTED_MAX,
    DeadLetter,
    DeadLetters,
    NotReplayed,
)
from payment_gateway.infrastructure.messaging.document_differences import differences, plain
from payment_gateway.infrastructure.messaging.unit import Unit
from payment_gateway.infrastructure.persistence.mongodb import Database
from payment_gateway.infrastructure.webhooks.queue import MongoWebhookQueue, ParkedWebhook
from payment_gateway.reactors import reactor_units
from payment_gateway.settings import Settings
from projections.units import GenerationUnits
from projections.worker import READ_MODELS

# As generations call their subscriptions: model, number, partition.
_OF_GENERATION: Final = re.compile(r"_g\d+\.\d+$")
NOTIFICATION: Final = "webhook-"
# Whose decisions about read models and reactors are: they belong to no tenant.
GATEWAY: Final = "gateway"
# From a tenant to who decides, for the metadata of the event that says so.
ContextFor = Callable[[str], CommandContext]
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterDesk:
    """What is parked, and what may be done about it."""

    opened: OpenGateway
    database: Database
    settings: Settings

    async def all(self) -> list[Answer]:
        """Return all that is parked, oldest first, and then notifications.

        Raises:
            pymongo.errors.PyMongoError: MongoDB gives no answer.
        """
        letters = [_shown(letter) for letter in await self._letters.all()]
        notifications = await MongoWebhookQueue(self.database).parked(limit=LISTED_MAX)
        return letters + [_notification(parked) for parked in notifications]

    async def show(self, letter_id: str) -> Answer:
        """Return what is parked, why, and the documents that it concerns as they are.

        Raises:
            NoSuchLetter: Nothing is parked under that id.
            WebhookNotParked: The same of a notification.
            pymongo.errors.PyMongoError: MongoDB gives no answer.
            EventStoreUnavailable: The event store gives none.
        """
        if letter_id.startswith(NOTIFICATION):
            found = await self.opened.gateway.webhooks.find_parked(letter_id)
            received = found.received
            return {
                "id": letter_id,
                "kind": "notification",
                "cause": found.reason,
                "provider": received.provider,
                "tenantId": received.tenant_id,
                "type": received.event_type,
                "paymentId": received.payment_id,
                "documents": {},
            }
        letter = await self._letters.find(letter_id)
        unit = (await self._units()).get(letter.subscription)
        documents = {} if unit is None else await self._letters.documents(letter, unit)
        return {**_shown(letter), "documents": plain(documents)}

    async def replay(self, letter_id: str, context_for: ContextFor, *, dry_run: bool) -> Answer:
        """Handle parked events in order, or say what that would change; apply a notification again.

        Raises:
            NoSuchLetter: Nothing is parked under that id.
            WebhookNotParked: The same of a notification.
            NotReplayed: It still does not go through; nothing was changed.
            pymongo.errors.PyMongoError: MongoDB gives no answer.
            EventStoreUnavailable: The event store gives none.
        """
        if letter_id.startswith(NOTIFICATION):
            return await self._replay_notification(letter_id, context_for, dry_run=dry_run)
        letter = await self._letters.find(letter_id)
        unit = await self._unit(letter)
        replay = await self._letters.replay(letter, unit, dry_run=True)
        if not dry_run:
            replayed = DeadLetterReplayedEvent(
                letter_id=letter.id,
                subscription=letter.subscription,
                stream=letter.stream,
                events=letter.events,
            )
            await self._record(letter, replayed, context_for)
            replay = await self._letters.replay(letter, unit)
        return {
            "id": letter.id,
            "dryRun": dry_run,
            "events": len(replay.events),
            "changes": differences(replay.before, replay.after),
        }

    async def discard(self, letter_id: str, reason: str, context_for: ContextFor) -> Answer:
        """Decide that what is parked is never handled; that and the reason are recorded as an event.

        Raises:
            NoSuchLetter: Nothing is parked under that id.
            WebhookNotParked: The same of a notification.
            pymongo.errors.PyMongoError: MongoDB gives no answer.
            EventStoreUnavailable: The event store gives none.
        """
        webhooks = self.opened.gateway.webhooks
        if letter_id.startswith(NOTIFICATION):
            tenant_id = (await webhooks.find_parked(letter_id)).tenant_id
            await webhooks.discard(letter_id, reason, context_for(tenant_id))
            return {"id": letter_id, "events": 1}
        letter = await self._letters.find(letter_id)
        discarded = DeadLetterDiscardedEvent(
            letter_id=letter.id,
            subscription=letter.subscription,
            stream=letter.stream,
            events=letter.events,
            reason=reason,
        )
        await self._record(letter, discarded, context_for)
        await self._letters.discard(letter)
        return {"id": letter.id, "events": letter.events}

    async def head(self) -> int:
        """Return the position of the log's last event: what was decided here is at it or before.

        Raises:
            EventStoreUnavailable: The event store gives no answer.
        """
        return await self.opened.event_store.head()

    async def _replay_notification(
        self, stream: str, context_for: ContextFor, *, dry_run: bool
    ) -> Answer:
        """A dry run only says whether it is there: what it changes is for the provider to say."""
        webhooks = self.opened.gateway.webhooks
        tenant_id = (await webhooks.find_parked(stream)).tenant_id
        if not dry_run:
            await webhooks.replay(stream, context_for(tenant_id))
        return {"id": stream, "dryRun": dry_run, "events": 1, "changes": []}

    @property
    def _letters(self) -> DeadLetters:
        return DeadLetters(self.database, self.opened.event_store)

    async def _units(self) -> Mapping[str, Unit]:
        units = [
            *await GenerationUnits(READ_MODELS.values(), self.database)(),
            *reactor_units(self.opened, self.database, self.settings),
        ]
        return {unit.name: unit for unit in units}

    async def _unit(self, letter: DeadLetter) -> Unit:
        unit = (await self._units()).get(letter.subscription)
        if unit is None:
            raise NotReplayed(
                f"this release does not run {letter.subscription}; only discard is possible"
            )
        return unit

    async def _record(
        self, letter: DeadLetter, event: DomainEvent, context_for: ContextFor
    ) -> None:
        stream = f"deadletter-{letter.subscription}"
        await self.opened.event_store.mark(stream, event, context_for(GATEWAY))


def _shown(letter: DeadLetter) -> Answer:
    return {
        "id": letter.id,
        "kind": "projection" if _OF_GENERATION.search(letter.subscription) else "reactor",
        "subscription": letter.subscription,
        "stream": letter.stream,
        "revision": letter.revision,
        "position": letter.position,
        "type": letter.type,
        "cause": letter.cause,
        "events": letter.events,
        "parkedAt": letter.parked_at.isoformat(),
    }


def _notification(parked: ParkedWebhook) -> Answer:
    return {
        "id": parked.stream,
        "kind": "notification",
        "subscription": None,
        "stream": parked.stream,
        "type": "WebhookParked",
        "cause": parked.reason,
        "events": 1,
        "parkedAt": parked.at.isoformat(),
    }
