"""What the command line does with what was parked, on the installation that the settings name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from uuid_utils.compat import uuid7

from payment_gateway.application.operator_step import OperatorStep
from payment_gateway.bootstrap import open_gateway, utc_now
from payment_gateway.command_line_context import command_context
from payment_gateway.dead_letter_desk import DeadLetterDesk
from payment_gateway.infrastructure.logs import configure_logs
from payment_gateway.infrastructure.persistence.mongodb import open_mongodb
from payment_gateway.presentation.cli.dead_letters import DeadLetterOperations
from payment_gateway.settings import Settings

Result = TypeVar("Result")


def list_letters(settings: Settings) -> list[dict[str, Any]]:
    """Return all that is parked, by subscriptions and of providers' notifications.

    Raises:
        pymongo.errors.PyMongoError: MongoDB gives no answer.
    """
    return _at(settings, lambda desk: desk.all())


def show_letter(settings: Settings, letter_id: str) -> dict[str, Any]:
    """Return what is parked, why, the events themselves and the documents as they are.

    Raises:
        NoSuchLetter: Nothing is parked under that id.
        WebhookNotParked: The same of a notification.
    """
    return _at(settings, lambda desk: desk.show(letter_id))


def replay_letter(settings: Settings, letter_id: str, dry_run: bool) -> dict[str, Any]:
    """Handle parked events in order, or say what that would change; apply a notification again.

    Raises:
        NoSuchLetter: Nothing is parked under that id.
        WebhookNotParked: The same of a notification.
        NotReplayed: It still does not go through; nothing was changed.
    """
    return _at(settings, lambda desk: desk.replay(letter_id, _steps(), dry_run=dry_run))


def discard_letter(settings: Settings, letter_id: str, reason: str) -> dict[str, Any]:
    """Decide that what is parked is never handled; that and the reason are recorded as an event.

    Raises:
        NoSuchLetter: Nothing is parked under that id.
        WebhookNotParked: The same of a notification.
    """
    return _at(settings, lambda desk: desk.discard(letter_id, reason, _steps()))


OPERATIONS: Final = DeadLetterOperations(
    all=list_letters, show=show_letter, replay=replay_letter, discard=discard_letter
)


def _steps() -> Callable[[str], OperatorStep]:
    """Return a new step, the same for each tenant, as it was given here."""
    step_id = str(uuid7())
    return lambda tenant_id: OperatorStep(id=step_id, context=command_context(tenant_id, utc_now()))


def _at(settings: Settings, use: Callable[[DeadLetterDesk], Awaitable[Result]]) -> Result:
    configure_logs(log_format=settings.log_format, level=settings.log_level, process="deadletters")

    async def run() -> Result:
        async with open_gateway(settings) as opened, open_mongodb(settings) as database:
            return await use(DeadLetterDesk(opened=opened, database=database, settings=settings))

    return asyncio.run(run())
