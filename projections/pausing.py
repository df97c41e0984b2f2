"""Having a read model, or its rebuild, stand still and go on."""

from __future__ import annotations

from payment_gateway.domain.events.read_model import ReadModelPausedEvent, ReadModelResumedEvent
from payment_gateway.infrastructure.persistence.mongodb import Database
from projections import registry
from projections.decisions import Record
from projections.read_model import ReadModel
from projections.registry import StepRefused, generation_in


async def pause(database: Database, model: ReadModel, record: Record, *, of_rebuild: bool) -> None:
    """Have a read model, or its rebuild, stand still; nothing is lost.

    Raises:
        StepRefused: There is nothing to be paused.
    """
    generation = await generation_in(database, model, _state(of_rebuild))
    await record(
        ReadModelPausedEvent(read_model=model.name, version=model.version, is_rebuild=of_rebuild)
    )
    if of_rebuild:
        await registry.change_building(database, generation, paused=True)
    else:
        await registry.pause(database, model, paused=True)


async def resume(
    database: Database,
    model: ReadModel,
    record: Record,
    *,
    of_rebuild: bool,
    rate_max: float | None = None,
) -> None:
    """Have a read model, or its rebuild, go on; a rebuild at another rate, if one is given.

    Raises:
        StepRefused: There is nothing to go on, or a rate is given for what has none.
    """
    if rate_max is not None and not of_rebuild:
        raise StepRefused("only a rebuild has a rate; say --rebuild")
    generation = await generation_in(database, model, _state(of_rebuild))
    await record(
        ReadModelResumedEvent(
            read_model=model.name,
            version=model.version,
            is_rebuild=of_rebuild,
            rate_max=None if rate_max is None else str(rate_max),
        )
    )
    if not of_rebuild:
        await registry.pause(database, model, paused=False)
    elif rate_max is None:
        await registry.change_building(database, generation, paused=False)
    else:
        await registry.change_building(database, generation, paused=False, rate=rate_max)


def _state(of_rebuild: bool) -> str:
    return "building" if of_rebuild else "active"
