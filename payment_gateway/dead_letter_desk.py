"""All that an installation has parked, whoever parked it: read models, reactors, notifications.

The command line and the REST interface take it up here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from payment_gateway.application.operator_step import OperatorStep
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
    Replay,
)
from payment_gateway.infrastructure.messaging.document_differences import differences, plain
from payment_gateway.infrastructure.messaging.unit import Unit
from payment_gateway.infrastructure.persistence.mongodb import Database, Session
from payment_gateway.infrastructure.webhooks.queue import MongoWebhookQueue, ParkedWebhook
from payment_gateway.reactors import reactor_units
from payment_gateway.settings import Settings
from projections.decisions import Step
from projections.units import GenerationUnits
from projections.worker import READ_MODELS

# As generations call their subscriptions: model, number, partition.
_OF_GENERATION: Final = re.compile(r"_g\d+\.\d+$")
NOTIFICATION: Final = "webhook-"
# Whose decisions about read models and reactors are: they belong to no tenant.
GATEWAY: Final = "gateway"
# From a tenant to the step and who takes it, for the event that says so; the step's id is always the same.
StepFor = Callable[[str], OperatorStep]
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterDesk:
    """What is parked, and what may be done about it.

    A step of an id that was taken is answered as it was then: nothing is done or kept a second time.
    """

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

    async def replay(self, letter_id: str, step_for: StepFor, *, dry_run: bool) -> Answer:
        """Handle parked events in order, or say what that would change; apply a notification again.

        Raises:
            NoSuchLetter: Nothing is parked under that id.
            WebhookNotParked: The same of a notification.
            NotReplayed: It still does not go through; nothing was changed.
            StreamMoved: Others decided something meanwhile; taking the step again is safe.
            pymongo.errors.PyMongoError: MongoDB gives no answer.
            EventStoreUnavailable: The event store gives none.
        """
        if letter_id.startswith(NOTIFICATION):
            return await self._replay_notification(letter_id, step_for, dry_run=dry_run)
        step = self._step(letter_id, step_for)
        if not dry_run and (before := await step.answered()) is not None:
            return before
        letter = await self._letters.find(letter_id)
        unit = await self._unit(letter)

        async def keep(replay: Replay, session: Session) -> None:
            replayed = DeadLetterReplayedEvent(
                letter_id=letter.id,
                subscription=letter.subscription,
                stream=letter.stream,
                events=letter.events,
            )
            await step.keep(replayed, _replayed(letter, replay), session)

        replay = await self._letters.replay(letter, unit, dry_run=dry_run, keep=keep)
        return {**_replayed(letter, replay), "dryRun": dry_run}

    async def discard(self, letter_id: str, reason: str, step_for: StepFor) -> Answer:
        """Decide that what is parked is never handled; that and the reason are recorded as an event.

        Raises:
            NoSuchLetter: Nothing is parked under that id.
            WebhookNotParked: The same of a notification.
            StreamMoved: Others decided something meanwhile; taking the step again is safe.
            pymongo.errors.PyMongoError: MongoDB gives no answer.
            EventStoreUnavailable: The event store gives none.
        """
        if letter_id.startswith(NOTIFICATION):
            return await self._discard_notification(letter_id, reason, step_for)
        step = self._step(letter_id, step_for)
        if (before := await step.answered()) is not None:
            return before
        letter = await self._letters.find(letter_id)
        answer = {"id": letter.id, "events": letter.events}

        async def keep(session: Session) -> None:
            discarded = DeadLetterDiscardedEvent(
                letter_id=letter.id,
                subscription=letter.subscription,
                stream=letter.stream,
                events=letter.events,
                reason=reason,
            )
            await step.keep(discarded, answer, session)

        await self._letters.discard(letter, keep=keep)
        return answer

    async def head(self) -> int:
        """Return the position of the log's last event: what was decided here is at it or before.

        Raises:
            EventStoreUnavailable: The event store gives no answer.
        """
        return await self.opened.event_store.head()

    async def _replay_notification(
        self, stream: str, step_for: StepFor, *, dry_run: bool
    ) -> Answer:
        """A dry run only says whether it is there: what it changes is for the provider to say."""
        webhooks = self.opened.gateway.webhooks
        if dry_run:
            await webhooks.find_parked(stream)
        else:
            await webhooks.replay(stream, await self._context(stream, step_for))
        return {"id": stream, "dryRun": dry_run, "events": 1, "changes": []}

    async def _discard_notification(self, stream: str, reason: str, step_for: StepFor) -> Answer:
        context = await self._context(stream, step_for)
        await self.opened.gateway.webhooks.discard(stream, reason, context)
        return {"id": stream, "events": 1}

    async def _context(self, stream: str, step_for: StepFor) -> CommandContext:
        """Return who decides about a notification; the step is what causes the event that says so."""
        step = step_for(await self.opened.gateway.webhooks.tenant_of(stream))
        return replace(step.context, causation_id=step.id)

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

    def _step(self, letter_id: str, step_for: StepFor) -> Step:
        by = step_for(GATEWAY)
        subscription, _, _ = letter_id.rpartition(":")

        async def record(event: DomainEvent) -> None:
            stream = f"deadletter-{subscription}"
            await self.opened.event_store.mark_once(stream, event, by.context, event_id=by.id)

        return Step(id=by.id, database=self.database, read_model=subscription, record=record)


def _replayed(letter: DeadLetter, replay: Replay) -> Answer:
    return {
        "id": letter.id,
        "dryRun": False,
        "events": len(replay.events),
        "changes": differences(replay.before, replay.after),
    }


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
