"""Back to the generation that was shown before, and no longer keeping it."""

from __future__ import annotations

import asyncio
from typing import Final

from payment_gateway.domain.events.read_model import (
    ReadModelEvent,
    ReadModelPrunedEvent,
    ReadModelRebuildCancelledEvent,
    ReadModelRolledBackEvent,
)
from payment_gateway.infrastructure.persistence.event_log import EventLog
from payment_gateway.infrastructure.persistence.mongodb import Database, Document, Session
from projections import registry
from projections.decisions import Step
from projections.orphans import drop_orphans
from projections.overseer import wait_as_new_as
from projections.read_model import ReadModel
from projections.registry import StepRefused

# Workers keep both; a generation that does not catch up within that has no worker.
CATCHES_UP_WITHIN_S: Final = 10.0


async def rollback(
    database: Database,
    log: EventLog,
    model: ReadModel,
    step: Step,
    *,
    within_s: float = CATCHES_UP_WITHIN_S,
) -> Document:
    """Have readers see what they saw before the last switch; once more, and they see the new again.

    Returns:
        The numbers of the generation that is shown now, ``active``, and of the one that was, ``previous``.

    Raises:
        StepRefused: There is none to go back to, or it is not kept up to date.
        EventStoreUnavailable: No answer.
    """
    if (before := await step.answered()) is not None:
        return before
    found = await registry.registered(database, model)
    now, then = found.active, found.previous
    if now is None or then is None:
        raise StepRefused(f"{model.name} has no generation to go back to")
    try:
        async with asyncio.timeout(within_s):
            await wait_as_new_as(database, log, model, then, now)
    except TimeoutError:
        raise StepRefused(
            f"{then.name} is behind what is shown, and no worker brings it forward;"
            " start one with: projections run"
        ) from None

    async def switch(session: Session) -> tuple[ReadModelEvent, Document]:
        await registry.go_back(database, now, then, session)
        event = ReadModelRolledBackEvent(
            read_model=model.name, version=model.version, active=then.number, previous=now.number
        )
        return event, {"active": then.number, "previous": now.number}

    return await step.take(switch)


async def prune(
    database: Database, model: ReadModel, step: Step, *, older_versions: bool = False
) -> int:
    """Drop the generation before, and whatever else nobody keeps; return how many were dropped.

    Args:
        database: Where they are.
        model: The read model.
        step: Keeps the decision.
        older_versions: Drop also what older versions of the code show. Nothing may run them any more.

    Raises:
        StepRefused: It was switched meanwhile, or this version shows nothing itself.
    """

    async def forget(session: Session) -> tuple[ReadModelEvent, Document]:
        previous = (await registry.registered(database, model, session)).previous
        if older_versions:
            await registry.forget_older_versions(database, model, session)
        if previous is not None:
            await registry.forget_previous(database, previous, session)
        event = ReadModelPrunedEvent(
            read_model=model.name,
            version=model.version,
            generation=None if previous is None else previous.number,
            older_versions=older_versions,
        )
        return event, {}

    await step.take(forget)
    return await drop_orphans(database, model.name)


async def cancel(database: Database, model: ReadModel, step: Step) -> Document:
    """Give a rebuild up, drop what was built, and return its number, ``cancelled``.

    Raises:
        StepRefused: None is under way.
    """

    async def give_up(session: Session) -> tuple[ReadModelEvent, Document]:
        building = (await registry.registered(database, model, session)).building
        if building is None:
            raise StepRefused(f"no rebuild of {model.name} is under way")
        await registry.cancel(database, building.generation, session)
        number = building.generation.number
        event = ReadModelRebuildCancelledEvent(
            read_model=model.name, version=model.version, generation=number
        )
        return event, {"cancelled": number}

    answer = await step.take(give_up)
    await drop_orphans(database, model.name)
    return answer
