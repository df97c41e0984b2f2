"""What the command line does with read models, on the installation that the settings name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from payment_gateway.infrastructure.logs import configure_logs
from payment_gateway.infrastructure.persistence.eventstoredb import (
    EventStoreDB,
    open_eventstoredb,
)
from payment_gateway.infrastructure.persistence.mongodb import Database, open_mongodb
from payment_gateway.presentation.cli.projections import (
    ProjectionOperations,
    RebuildOptions,
)
from payment_gateway.presentation.cli.rebuild_progress import RebuildProgress
from payment_gateway.settings import Settings
from projections import registry
from projections.query_parameters import as_of as read_moment
from projections.read_model import ReadModel
from projections.rebuild import Plan, begin_or_join
from projections.rebuild import rebuild as rebuild_read_model
from projections.rebuild_progress import Progress
from projections.registry import StepRefused, generation_in
from projections.rollback import cancel as cancel_rebuild
from projections.rollback import prune as prune_read_model
from projections.rollback import rollback as roll_back
from projections.status import RATE_OVER_S, status_of_all
from projections.verify import Extent
from projections.verify import verify as verify_read_model
from projections.worker import READ_MODELS, select

Result = TypeVar("Result")
Answer = Mapping[str, Any]


def run(settings: Settings, names: list[str]) -> None:
    """Run a worker of the named read models until it is stopped."""
    from payment_gateway import processes

    processes.project(settings, names)


def status(settings: Settings) -> list[Answer]:
    """Return where each generation of each read model is."""

    async def look(database: Database, log: EventStoreDB) -> list[Answer]:
        found = await status_of_all(database, log, READ_MODELS, rate_over_s=RATE_OVER_S)
        return [one.as_json() for one in found]

    return _run(settings, look)


def rebuild(
    settings: Settings,
    name: str,
    options: RebuildOptions,
    on_progress: Callable[[RebuildProgress], None],
) -> Answer:
    """Build a read model anew, or join whoever does; return how it ended.

    Raises:
        UnknownReadModel: There is none of that name.
        StepRefused: It cannot be built like that, or the last rebuild failed and is still there.
    """
    model = _model(name)
    configure_logs(log_format=settings.log_format, level="warning", process="rebuild")
    plan = Plan(
        partitions=options.partitions,
        workers=options.workers,
        rate_max=options.rate,
        sample=options.sample,
    )

    async def build(database: Database, log: EventStoreDB) -> Answer:
        if options.detach:
            begun = await begin_or_join(database, model, plan)
            return {"readModel": name, "generation": begun.number, "end": "begun", "failure": None}
        generation, ended = await rebuild_read_model(
            database, log, model, plan, lambda progress: on_progress(_shown(progress))
        )
        return {
            "readModel": name,
            "generation": generation.number,
            "end": ended.end.value,
            "failure": ended.failure,
        }

    return _run(settings, build)


def verify(
    settings: Settings, name: str, state: str, sample: int | None, since: str | None
) -> Answer:
    """Compare a read model with the log; return what was found.

    Raises:
        UnknownReadModel: There is none of that name.
        InvalidValue: No time.
        StepRefused: There is no generation in that state.
        LogNotRead: The event store did not send all of it.
    """
    model, extent = _model(name), Extent(sample=sample, since=read_moment(since))

    async def compare(database: Database, log: EventStoreDB) -> Answer:
        generation = await generation_in(database, model, state)
        return (await verify_read_model(database, log, model, generation, extent)).as_json()

    return _run(settings, compare)


def rollback(settings: Settings, name: str) -> Answer:
    """Show the generation before again.

    Raises:
        StepRefused: There is none, or it is not kept up to date.
    """
    model = _model(name)

    async def go(database: Database, log: EventStoreDB) -> Answer:
        now, before = await roll_back(database, log, model)
        return {"readModel": name, "active": now.number, "previous": before.number}

    return _run(settings, go)


def prune(settings: Settings, name: str, older_versions: bool) -> Answer:
    """Drop the generation before, and what nobody keeps.

    Raises:
        StepRefused: This version of the code shows nothing itself.
    """
    model = _model(name)

    async def drop(database: Database, _: EventStoreDB) -> Answer:
        dropped = await prune_read_model(database, model, older_versions=older_versions)
        return {"readModel": name, "dropped": dropped}

    return _run(settings, drop)


def pause(
    settings: Settings, name: str, paused: bool, of_rebuild: bool, rate: float | None
) -> Answer:
    """Have a read model, or its rebuild, stand still or go on.

    Raises:
        StepRefused: There is nothing to be paused.
    """
    model = _model(name)

    async def step(database: Database, _: EventStoreDB) -> Answer:
        if of_rebuild:
            building = await generation_in(database, model, "building")
            fields = {"paused": paused, **({} if rate is None else {"rate": rate})}
            await registry.change_building(database, building, **fields)
        elif rate is not None:
            raise StepRefused("only a rebuild has a rate; say --rebuild")
        else:
            await registry.pause(database, model, paused=paused)
        return {"readModel": name, "rebuild": of_rebuild, "paused": paused}

    return _run(settings, step)


def cancel(settings: Settings, name: str) -> Answer:
    """Give a rebuild up.

    Raises:
        StepRefused: None is under way.
    """
    model = _model(name)

    async def give_up(database: Database, _: EventStoreDB) -> Answer:
        generation = await cancel_rebuild(database, model)
        return {"readModel": name, "cancelled": generation.number}

    return _run(settings, give_up)


OPERATIONS: Final = ProjectionOperations(
    run=run,
    status=status,
    rebuild=rebuild,
    verify=verify,
    rollback=rollback,
    prune=prune,
    pause=pause,
    cancel=cancel,
)


def _model(name: str) -> ReadModel:
    return select([name])[0]


def _shown(progress: Progress) -> RebuildProgress:
    return RebuildProgress(
        state=progress.state,
        share=progress.share,
        position=progress.position,
        head=progress.head,
        events=progress.events,
        rate=progress.rate,
        left_s=progress.left_s,
    )


def _run(settings: Settings, use: Callable[[Database, EventStoreDB], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        async with _opened(settings) as (database, log):
            return await use(database, log)

    return asyncio.run(run())


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Database, EventStoreDB]]:
    async with open_eventstoredb(settings) as log, open_mongodb(settings) as database:
        yield database, log
