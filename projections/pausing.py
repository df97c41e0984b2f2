"""Having a read model, or its rebuild, stand still and go on."""

from __future__ import annotations

from payment_gateway.domain.events.read_model import (
    ReadModelEvent,
    ReadModelPausedEvent,
    ReadModelResumedEvent,
)
from payment_gateway.infrastructure.persistence.mongodb import Database, Document, Session
from projections import registry
from projections.decisions import Step
from projections.read_model import ReadModel
from projections.registry import Kept, StepRefused


async def pause(database: Database, model: ReadModel, step: Step, *, of_rebuild: bool) -> Document:
    """Have a read model, or its rebuild, stand still; nothing is lost. One that does is left alone.

    Raises:
        StepRefused: There is nothing to be paused.
    """

    async def stop(session: Session) -> tuple[ReadModelEvent | None, Document]:
        kept = await _kept(database, model, session, of_rebuild=of_rebuild)
        if kept.is_paused:
            return None, _answer(of_rebuild, paused=True)
        if of_rebuild:
            await registry.change_building(database, kept.generation, session, paused=True)
        else:
            await registry.pause(database, model, paused=True, session=session)
        paused = ReadModelPausedEvent(
            read_model=model.name, version=model.version, is_rebuild=of_rebuild
        )
        return paused, _answer(of_rebuild, paused=True)

    return await step.take(stop)


async def resume(
    database: Database,
    model: ReadModel,
    step: Step,
    *,
    of_rebuild: bool,
    rate_max: float | None = None,
) -> Document:
    """Have a read model, or its rebuild, go on; a rebuild at another rate, if one is given.

    Raises:
        StepRefused: There is nothing to go on, or a rate is given for what has none.
    """
    if rate_max is not None and not of_rebuild:
        raise StepRefused("only a rebuild has a rate; say --rebuild")

    async def go_on(session: Session) -> tuple[ReadModelEvent | None, Document]:
        kept = await _kept(database, model, session, of_rebuild=of_rebuild)
        if not kept.is_paused and rate_max in {None, kept.rate_max}:
            return None, _answer(of_rebuild, paused=False)
        rate = {} if rate_max is None else {"rate": rate_max}
        if of_rebuild:
            await registry.change_building(database, kept.generation, session, paused=False, **rate)
        else:
            await registry.pause(database, model, paused=False, session=session)
        resumed = ReadModelResumedEvent(
            read_model=model.name,
            version=model.version,
            is_rebuild=of_rebuild,
            rate_max=None if rate_max is None else str(rate_max),
        )
        return resumed, _answer(of_rebuild, paused=False)

    return await step.take(go_on)


async def _kept(
    database: Database, model: ReadModel, session: Session, *, of_rebuild: bool
) -> Kept:
    state = "building" if of_rebuild else "active"
    return await registry.kept_in(database, model, state, session)


def _answer(of_rebuild: bool, *, paused: bool) -> Document:
    return {"rebuild": of_rebuild, "paused": paused}
