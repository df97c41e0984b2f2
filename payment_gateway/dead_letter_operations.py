"""What the command line does with what was parked, on the installation that the settings name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from payment_gateway.application.ports import CommandContext
from payment_gateway.bootstrap import OpenGateway, open_gateway
from payment_gateway.command_line_context import command_context
from payment_gateway.domain.events import DomainEvent
from payment_gateway.domain.events.dead_letter import (
    DeadLetterDiscardedEvent,
    DeadLetterReplayedEvent,
)
from payment_gateway.infrastructure.logs import configure_logs
from payment_gateway.infrastructure.messaging.dead_letters import (
    LISTED_MAX,
    DeadLetter,
    DeadLetters,
    NotReplayed,
)
from payment_gateway.infrastructure.messaging.document_differences import differences, plain
from payment_gateway.infrastructure.messaging.unit import Unit
from payment_gateway.infrastructure.persistence.mongodb import Database, open_mongodb
from payment_gateway.infrastructure.webhooks.queue import MongoWebhookQueue
from payment_gateway.reactors import reactor_units
from payment_gateway.settings import Settings
from projections.units import GenerationUnits
from projections.worker import READ_MODELS

Result = TypeVar("Result")
# As generations call their subscriptions: model, number, partition.
_OF_GENERATION: Final = re.compile(r"_g\d+\.\d+$")
NOTIFICATION: Final = "webhook-"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    """An installation, with all that may have parked something."""

    opened: OpenGateway
    database: Database
    letters: DeadLetters
    units: Mapping[str, Unit]

    def unit(self, letter: DeadLetter) -> Unit:
        unit = self.units.get(letter.subscription)
        if unit is None:
            raise NotReplayed(
                f"this release does not run {letter.subscription}; only discard is possible"
            )
        return unit

    async def record(self, letter: DeadLetter, event: DomainEvent) -> None:
        stream = f"deadletter-{letter.subscription}"
        await self.opened.event_store.mark(stream, event, self.context("gateway"))

    def context(self, tenant_id: str) -> CommandContext:
        return command_context(tenant_id, self.opened.gateway.now())


def list_letters(settings: Settings) -> list[dict[str, Any]]:
    """Return all that is parked, by subscriptions and of providers' notifications.

    Raises:
        pymongo.errors.PyMongoError: MongoDB gives no answer.
    """

    async def run(on: _Open) -> list[dict[str, Any]]:
        letters = [_shown(letter) for letter in await on.letters.all()]
        queue = MongoWebhookQueue(on.database)
        letters += [
            {
                "id": parked.stream,
                "kind": "notification",
                "subscription": None,
                "stream": parked.stream,
                "type": "WebhookParked",
                "cause": parked.reason,
                "events": 1,
                "parkedAt": parked.at.isoformat(),
            }
            for parked in await queue.parked(limit=LISTED_MAX)
        ]
        return letters

    return _on(settings, run)


def show_letter(settings: Settings, letter_id: str) -> dict[str, Any]:
    """Return what is parked, why, the events themselves and the documents as they are.

    Raises:
        NoSuchLetter: Nothing is parked under that id.
    """

    async def run(on: _Open) -> dict[str, Any]:
        if letter_id.startswith(NOTIFICATION):
            found = await on.opened.gateway.webhooks.find_parked(letter_id)
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
        letter = await on.letters.find(letter_id)
        unit = on.units.get(letter.subscription)
        documents = {} if unit is None else await on.letters.documents(letter, unit)
        return {**_shown(letter), "documents": plain(documents)}

    return _on(settings, run)


def replay_letter(settings: Settings, letter_id: str, dry_run: bool) -> dict[str, Any]:
    """Handle parked events in order, or say what that would change; apply a notification again.

    Raises:
        NoSuchLetter: Nothing is parked under that id.
        NotReplayed: It still does not go through; nothing was changed.
    """

    async def run(on: _Open) -> dict[str, Any]:
        if letter_id.startswith(NOTIFICATION):
            return await _replay_notification(on, letter_id, dry_run=dry_run)
        letter = await on.letters.find(letter_id)
        unit = on.unit(letter)
        replay = await on.letters.replay(letter, unit, dry_run=True)
        if not dry_run:
            await on.record(
                letter,
                DeadLetterReplayedEvent(
                    letter_id=letter.id,
                    subscription=letter.subscription,
                    stream=letter.stream,
                    events=letter.events,
                ),
            )
            replay = await on.letters.replay(letter, unit)
        return {
            "id": letter.id,
            "dryRun": dry_run,
            "events": len(replay.events),
            "changes": differences(replay.before, replay.after),
        }

    return _on(settings, run)


def discard_letter(settings: Settings, letter_id: str, reason: str) -> dict[str, Any]:
    """Decide that what is parked is never handled; that and the reason are recorded as an event.

    Raises:
        NoSuchLetter: Nothing is parked under that id.
    """

    async def run(on: _Open) -> dict[str, Any]:
        if letter_id.startswith(NOTIFICATION):
            tenant_id = (await on.opened.gateway.webhooks.find_parked(letter_id)).tenant_id
            await on.opened.gateway.webhooks.discard(letter_id, reason, on.context(tenant_id))
            return {"id": letter_id, "events": 1}
        letter = await on.letters.find(letter_id)
        await on.record(
            letter,
            DeadLetterDiscardedEvent(
                letter_id=letter.id,
                subscription=letter.subscription,
                stream=letter.stream,
                events=letter.events,
                reason=reason,
            ),
        )
        await on.letters.discard(letter)
        return {"id": letter.id, "events": letter.events}

    return _on(settings, run)


async def _replay_notification(on: _Open, stream: str, *, dry_run: bool) -> dict[str, Any]:
    """A dry run only says whether it is there: what it changes is for the provider to say."""
    tenant_id = (await on.opened.gateway.webhooks.find_parked(stream)).tenant_id
    if not dry_run:
        await on.opened.gateway.webhooks.replay(stream, on.context(tenant_id))
    return {"id": stream, "dryRun": dry_run, "events": 1, "changes": []}


def _shown(letter: DeadLetter) -> dict[str, Any]:
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


def _on(settings: Settings, use: Callable[[_Open], Awaitable[Result]]) -> Result:
    configure_logs(log_format=settings.log_format, level=settings.log_level, process="deadletters")

    async def run() -> Result:
        async with _open(settings) as opened:
            return await use(opened)

    return asyncio.run(run())


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[_Open]:
    async with open_gateway(settings) as opened, open_mongodb(settings) as database:
        units = [
            *await GenerationUnits(READ_MODELS.values(), database)(),
            *reactor_units(opened, database, settings),
        ]
        yield _Open(
            opened=opened,
            database=database,
            letters=DeadLetters(database, opened.event_store),
            units={unit.name: unit for unit in units},
        )
