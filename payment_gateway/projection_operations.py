"""What the command line does with read models, on the installation that the settings name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, TypeVar

from uuid_utils.compat import uuid7

from payment_gateway.application.operator_step import OperatorStep
from payment_gateway.bootstrap import utc_now
from payment_gateway.command_line_context import command_context
from payment_gateway.domain.value_objects.grant import ANY_TENANT
from payment_gateway.infrastructure.logs import configure_logs
from payment_gateway.infrastructure.persistence.eventstoredb import (
    EventStoreDB,
    open_eventstoredb,
)
from payment_gateway.infrastructure.persistence.mongodb import Database, open_mongodb
from payment_gateway.presentation.cli.projection_operations import (
    ProjectionOperations,
    RebuildOptions,
)
from payment_gateway.presentation.cli.rebuild_progress import RebuildProgress
from payment_gateway.projection_desk import ProjectionDesk
from payment_gateway.settings import Settings
from projections.query_parameters import as_of as read_moment
from projections.rebuild import Plan
from projections.rebuild_progress import Progress
from projections.registry import generation_in
from projections.status import RATE_OVER_S, status_of_all
from projections.verify import Extent
from projections.verify import verify as verify_read_model
from projections.worker import READ_MODELS, select

Result = TypeVar("Result")
Answer = Mapping[str, Any]


def run(settings: Settings, names: list[str]) -> None:
    """Run a worker of the named read models until it is stopped."""
    from payment_gateway.processes import projections

    projections.project(settings, names)


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
    configure_logs(log_format=settings.log_format, level="warning", process="rebuild")
    plan = _plan(options)

    async def build(desk: ProjectionDesk, step: OperatorStep) -> Answer:
        if options.detach:
            begun = await desk.rebuild(
                name,
                step,
                partitions=plan.partitions,
                rate_max=plan.rate_max,
                sample=plan.sample,
            )
            return {
                "readModel": name,
                "generation": begun["generation"],
                "end": "begun",
                "failure": None,
            }
        return await desk.rebuild_to_its_end(
            name, step, plan, lambda progress: on_progress(_shown(progress))
        )

    return _decide(settings, build, reason=options.reason)


def migrate(
    settings: Settings,
    name: str,
    options: RebuildOptions,
    on_progress: Callable[[RebuildProgress], None],
) -> Answer:
    """Have a read model there in the version of this release; return how that ended.

    Raises:
        UnknownReadModel: There is none of that name.
        StepRefused: The last rebuild of this version failed and is still there.
    """
    configure_logs(log_format=settings.log_format, level="warning", process="migrate")
    return _decide(
        settings,
        lambda desk, step: desk.migrate(
            name, step, _plan(options), lambda progress: on_progress(_shown(progress))
        ),
        reason=options.reason,
    )


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
    (model,), extent = select([name]), Extent(sample=sample, since=read_moment(since))

    async def compare(database: Database, log: EventStoreDB) -> Answer:
        generation = await generation_in(database, model, state)
        return (await verify_read_model(database, log, model, generation, extent)).as_json()

    return _run(settings, compare)


def rollback(settings: Settings, name: str, reason: str | None = None) -> Answer:
    """Show the generation before again.

    Raises:
        StepRefused: There is none, or it is not kept up to date.
    """
    return _decide(settings, lambda desk, step: desk.rollback(name, step), reason=reason)


def prune(settings: Settings, name: str, older_versions: bool, reason: str | None = None) -> Answer:
    """Drop the generation before, and what nobody keeps.

    Raises:
        StepRefused: This version of the code shows nothing itself.
    """
    return _decide(
        settings,
        lambda desk, step: desk.prune(name, step, older_versions=older_versions),
        reason=reason,
    )


def pause(settings: Settings, name: str, of_rebuild: bool, reason: str | None = None) -> Answer:
    """Have a read model, or its rebuild, stand still.

    Raises:
        StepRefused: There is nothing to be paused.
    """
    return _decide(
        settings,
        lambda desk, step: desk.pause(name, step, of_rebuild=of_rebuild),
        reason=reason,
    )


def resume(
    settings: Settings, name: str, of_rebuild: bool, rate: float | None, reason: str | None = None
) -> Answer:
    """Have a read model, or its rebuild, go on.

    Raises:
        StepRefused: There is nothing to go on, or a rate is given for what has none.
    """
    return _decide(
        settings,
        lambda desk, step: desk.resume(name, step, of_rebuild=of_rebuild, rate_max=rate),
        reason=reason,
    )


def cancel(settings: Settings, name: str, reason: str | None = None) -> Answer:
    """Give a rebuild up.

    Raises:
        StepRefused: None is under way.
    """
    return _decide(settings, lambda desk, step: desk.cancel(name, step), reason=reason)


OPERATIONS: Final = ProjectionOperations(
    run=run,
    status=status,
    names=tuple(READ_MODELS),
    rebuild=rebuild,
    migrate=migrate,
    verify=verify,
    rollback=rollback,
    prune=prune,
    pause=pause,
    resume=resume,
    cancel=cancel,
)


def _plan(options: RebuildOptions) -> Plan:
    return Plan(
        partitions=options.partitions,
        workers=options.workers,
        rate_max=options.rate,
        sample=options.sample,
    )


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


def _decide(
    settings: Settings,
    step: Callable[[ProjectionDesk, OperatorStep], Awaitable[Answer]],
    *,
    reason: str | None,
) -> Answer:
    """Take a step with a read model, as the person at this machine."""

    async def take(database: Database, log: EventStoreDB) -> Answer:
        context = replace(command_context(ANY_TENANT, utc_now()), reason=reason)
        desk = ProjectionDesk(database=database, event_store=log)
        return await step(desk, OperatorStep(id=str(uuid7()), context=context))

    return _run(settings, take)


def _run(settings: Settings, use: Callable[[Database, EventStoreDB], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        async with _opened(settings) as (database, log):
            return await use(database, log)

    return asyncio.run(run())


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Database, EventStoreDB]]:
    async with open_eventstoredb(settings) as log, open_mongodb(settings) as database:
        yield database, log
