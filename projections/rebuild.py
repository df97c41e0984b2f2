"""Builds a read model anew beside the one that is shown, and has it shown once it is proved equal.

The rebuild itself is a note in the registry: any worker goes on with it. The command that begins one
adds workers of its own, which are there for this alone, and goes when they are done; killed at any
moment, the rebuild goes on in the workers that there are, or in the same command given again.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from payment_gateway.domain.events.read_model import ReadModelEvent, ReadModelRebuildRequestedEvent
from payment_gateway.infrastructure.persistence.event_log import EventLog
from payment_gateway.infrastructure.persistence.mongodb import Database, Document, Session
from projections import registry
from projections.decisions import Step
from projections.generations import PARTITIONS_MAX, Generation
from projections.overseer import Ended, Overseer
from projections.read_model import ReadModel
from projections.rebuild_progress import OnProgress, progress_of
from projections.registry import Building, StepRefused

# As many as a machine of some cores can use; kept as many once it is shown.
PARTITIONS_DEFAULT: Final = 4
WORKERS_MAX: Final = PARTITIONS_MAX
WORKER_STOPS_WITHIN_S: Final = 45.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a read model is to be built.

    Attributes:
        partitions: By how many subscriptions; ``None`` for as many as now, and enough to be quick.
        workers: Processes that are added for it; ``None`` for as many as there are cores.
        rate_max: At most so many events a second; ``None`` for no limit.
        sample: How many documents are verified before it is shown; ``None`` for all.
    """

    partitions: int | None = None
    workers: int | None = None
    rate_max: float | None = None
    sample: int | None = None


async def begin_or_join(database: Database, model: ReadModel, plan: Plan, step: Step) -> Generation:
    """Return the rebuild that is under way, begun if none was.

    Whoever joins one and changes nothing has decided nothing: that is not recorded.

    Raises:
        StepRefused: The one that is there has failed, or it cannot be built like that.
    """

    async def begin(session: Session) -> tuple[ReadModelEvent | None, Document]:
        found = await registry.registered(database, model, session)
        if found.building is not None:
            return await _joined(database, model, plan, found.building, session)
        partitions = _partitions(model, plan, found.active)
        begun = await registry.begin(
            database,
            model,
            partitions=partitions,
            rate_max=plan.rate_max,
            sample=plan.sample,
            session=session,
        )
        return _requested(model, partitions, plan.rate_max, plan.sample), _answer(begun)

    answer = await step.take(begin)
    return Generation(
        model=model.name,
        version=model.version,
        number=answer["generation"],
        partitions=answer["partitions"],
    )


async def _joined(
    database: Database, model: ReadModel, plan: Plan, building: Building, session: Session
) -> tuple[ReadModelEvent | None, Document]:
    generation = building.generation
    if building.failure is not None:
        raise StepRefused(
            f"the last rebuild of {model.name} did not pass its verification; look at it with:"
            f" projections status --json; give it up with: projections cancel {model.name}"
        )
    if plan.rate_max in {None, building.rate_max}:
        return None, _answer(generation)
    await registry.change_building(database, generation, session, rate=plan.rate_max)
    requested = _requested(model, generation.partitions, plan.rate_max, building.sample)
    return requested, _answer(generation)


def _answer(generation: Generation) -> Document:
    return {"generation": generation.number, "partitions": generation.partitions}


async def rebuild(
    database: Database,
    log: EventLog,
    model: ReadModel,
    plan: Plan,
    step: Step,
    *,
    on_progress: OnProgress,
) -> tuple[Generation, Ended]:
    """Build a read model anew, or join whoever does, and return how it ended.

    Raises:
        StepRefused: See ``begin_or_join``.
        EventStoreUnavailable: No answer; the rebuild goes on when it is given again.
        pymongo.errors.PyMongoError: Likewise of MongoDB.
    """
    generation = await begin_or_join(database, model, plan, step)
    overseer = Overseer(database, log, model, generation)
    async with _workers(generation, _worker_count(generation, plan)):
        watching = asyncio.create_task(_watch(database, log, model, overseer, on_progress))
        try:
            return generation, await overseer.run()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def _watch(
    database: Database,
    log: EventLog,
    model: ReadModel,
    overseer: Overseer,
    on_progress: OnProgress,
) -> None:
    async for progress in progress_of(database, log, model, overseer):
        on_progress(progress)


def _requested(
    model: ReadModel, partitions: int, rate_max: float | None, sample: int | None
) -> ReadModelRebuildRequestedEvent:
    return ReadModelRebuildRequestedEvent(
        read_model=model.name,
        version=model.version,
        partitions=partitions,
        rate_max=None if rate_max is None else str(rate_max),
        sample=sample,
    )


def _partitions(model: ReadModel, plan: Plan, active: Generation | None) -> int:
    """Return by how many subscriptions it is to be built.

    Raises:
        StepRefused: It cannot be split like that.
    """
    wanted = plan.partitions
    if wanted is None:
        now = active.partitions if active else 1
        return max(now, PARTITIONS_DEFAULT) if model.partitionable else 1
    if wanted > 1 and not model.partitionable:
        raise StepRefused(f"{model.name} is in one order over all payments and cannot be split")
    if not 1 <= wanted <= PARTITIONS_MAX or wanted & (wanted - 1):
        raise StepRefused(f"partitions are a power of two, {PARTITIONS_MAX} at most")
    return wanted


def _worker_count(generation: Generation, plan: Plan) -> int:
    cores = os.cpu_count() or 1
    wanted = cores if plan.workers is None else plan.workers
    return min(wanted, generation.partitions, WORKERS_MAX)


@asynccontextmanager
async def _workers(generation: Generation, count: int) -> AsyncGenerator[None, None]:
    """Have so many processes work on a generation; they end with the block, or with this process."""
    running: list[Process] = []
    try:
        while len(running) < count:
            running.append(await _started(generation))
        yield
    finally:
        for process in running:
            assert process.stdin is not None, "started with a pipe"
            process.stdin.close()
        for process in running:
            await _stopped(process)


async def _started(generation: Generation) -> Process:
    module = ("-m", "projections.rebuild_worker", generation.model, str(generation.number))
    return await asyncio.create_subprocess_exec(sys.executable, *module, stdin=PIPE, stdout=DEVNULL)


async def _stopped(process: Process) -> None:
    try:
        async with asyncio.timeout(WORKER_STOPS_WITHIN_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
