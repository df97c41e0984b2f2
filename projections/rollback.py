"""Back to the generation that was shown before, and no longer keeping it."""

from __future__ import annotations

import asyncio
from typing import Final

from payment_gateway.domain.events.read_model import (
    ReadModelPrunedEvent,
    ReadModelRebuildCancelledEvent,
    ReadModelRolledBackEvent,
)
from payment_gateway.infrastructure.persistence.event_log import EventLog
from payment_gateway.infrastructure.persistence.mongodb import Database
from projections import registry
from projections.decisions import Record
from projections.generations import Generation
from projections.orphans import drop_orphans
from projections.overseer import wait_as_new_as
from projections.read_model import ReadModel
from projections.registry import StepRefused, generation_in

# Workers keep both; a generation that does not catch up within that has no worker.
CATCHES_UP_WITHIN_S: Final = 10.0


async def rollback(
    database: Database,
    log: EventLog,
    model: ReadModel,
    record: Record,
    *,
    within_s: float = CATCHES_UP_WITHIN_S,
) -> tuple[Generation, Generation]:
    """Have readers see what they saw before the last switch; once more, and they see the new again.

    Returns:
        The generation that is shown now, and the one that was.

    Raises:
        StepRefused: There is none to go back to, or it is not kept up to date.
        EventStoreUnavailable: No answer.
    """
    found = await registry.registered(database, model)
    if found.active is None or found.previous is None:
        raise StepRefused(f"{model.name} has no generation to go back to")
    try:
        async with asyncio.timeout(within_s):
            await wait_as_new_as(database, log, model, found.previous, found.active)
    except TimeoutError:
        raise StepRefused(
            f"{found.previous.name} is behind what is shown, and no worker brings it forward;"
            " start one with: projections run"
        ) from None
    await record(
        ReadModelRolledBackEvent(
            read_model=model.name,
            version=model.version,
            active=found.previous.number,
            previous=found.active.number,
        )
    )
    await registry.go_back(database, found.active, found.previous)
    return found.previous, found.active


async def prune(
    database: Database, model: ReadModel, record: Record, *, older_versions: bool = False
) -> int:
    """Drop the generation before, and whatever else nobody keeps; return how many were dropped.

    Args:
        database: Where they are.
        model: The read model.
        record: Keeps the decision.
        older_versions: Drop also what older versions of the code show. Nothing may run them any more.

    Raises:
        StepRefused: It was switched meanwhile, or this version shows nothing itself.
    """
    if older_versions:
        await generation_in(database, model, "active")
    found = await registry.registered(database, model)
    await record(
        ReadModelPrunedEvent(
            read_model=model.name,
            version=model.version,
            generation=None if found.previous is None else found.previous.number,
            older_versions=older_versions,
        )
    )
    if older_versions:
        await registry.forget_older_versions(database, model)
    if found.previous is not None:
        await registry.forget_previous(database, found.previous)
    return await drop_orphans(database, model.name)


async def cancel(database: Database, model: ReadModel, record: Record) -> Generation:
    """Give a rebuild up, drop what was built, and return it.

    Raises:
        StepRefused: None is under way.
    """
    building = (await registry.registered(database, model)).building
    if building is None:
        raise StepRefused(f"no rebuild of {model.name} is under way")
    await record(
        ReadModelRebuildCancelledEvent(
            read_model=model.name,
            version=model.version,
            generation=building.generation.number,
        )
    )
    await registry.cancel(database, building.generation)
    await drop_orphans(database, model.name)
    return building.generation
