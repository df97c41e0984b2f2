"""Finishes a rebuild: waits until it has caught up, verifies it, and has readers see it.

Every worker, and the command that began the rebuild, can do this; a lease in the registry says who
does. So a rebuild ends whoever dies on the way, and only what was verified is shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import uuid4

import structlog

from payment_gateway.infrastructure.messaging.checkpoint import checkpoint_of
from payment_gateway.infrastructure.messaging.events_behind import events_behind
from payment_gateway.infrastructure.messaging.unit import Job
from payment_gateway.infrastructure.persistence.event_log import EventLog
from payment_gateway.infrastructure.persistence.mongodb import Database, Document
from projections import registry
from projections.generations import Generation, matching
from projections.orphans import drop_orphans
from projections.read_model import ReadModel
from projections.registry import Building, StepRefused
from projections.verify import Extent, verify
from projections.verify_fold import Steps
from projections.verify_report import Report

LOOK_EVERY_S: Final = 0.5
LEASE_S: Final = 5.0
RENEW_EVERY_S: Final = 1.0
# Where events never cease, a partition that has so few left to take, look after look, follows the log.
BEHIND_MAX: Final = 200
LOOKS_MAX: Final = 4
# To show what is not behind what was shown takes moments; where it takes longer, look again.
SWITCH_WITHIN_S: Final = 10.0
SWITCH_POLL_S: Final = 0.02

_log = structlog.get_logger(__name__)


class End(StrEnum):
    """How a rebuild ended."""

    SHOWN = "shown"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a rebuild ended, and why where it failed."""

    end: End
    failure: Document | None = None


class Overseer:
    """Oversees one rebuild until it has ended, by whomever.

    Args:
        database: Where it is built.
        log: What it is built from.
        model: The read model.
        generation: What is built.
    """

    def __init__(
        self, database: Database, log: EventLog, model: ReadModel, generation: Generation
    ) -> None:
        self._database: Final = database
        self._events: Final = log
        self._model: Final = model
        self._generation: Final = generation
        self._id: Final = str(uuid4())
        self._looks_close_by = 0
        self._steps: Steps | None = None

    @property
    def generation(self) -> Generation:
        """What is built."""
        return self._generation

    async def run(self) -> Ended:
        """Return how it ended.

        Raises:
            EventStoreUnavailable: No answer; another overseer, or the same once more, goes on.
            pymongo.errors.PyMongoError: Likewise of MongoDB.
        """
        while True:
            found = await registry.registered(self._database, self._model)
            building = found.building
            if building is None or building.generation != self._generation:
                shown = self._generation in (found.active, found.previous)
                return Ended(end=End.SHOWN if shown else End.CANCELLED)
            if building.failure is not None:
                return Ended(end=End.FAILED, failure=building.failure)
            if not building.is_paused and await self._is_mine() and await self._has_caught_up():
                await self._finish(building)
            else:
                await asyncio.sleep(LOOK_EVERY_S)

    @property
    def is_verifying(self) -> bool:
        """Whether what was built is being compared with the log."""
        return self._steps is not None

    async def _is_mine(self) -> bool:
        return await registry.oversee(
            self._database,
            self._generation,
            self._id,
            for_s=LEASE_S,
            verified=self._steps.taken if self._steps else None,
        )

    async def _has_caught_up(self) -> bool:
        behind = [
            await self._behind(self._generation, partition, at_most=BEHIND_MAX)
            for partition in range(self._generation.partitions)
        ]
        self._looks_close_by = self._looks_close_by + 1 if max(behind) < BEHIND_MAX else 0
        return max(behind) == 0 or self._looks_close_by >= LOOKS_MAX

    async def _behind(self, generation: Generation, partition: int, *, at_most: int) -> int:
        after = await checkpoint_of(self._database, generation.subscription(partition))
        return await events_behind(
            self._events,
            matching(self._model, generation, partition),
            after=after,
            types=self._model.events,
            at_most=at_most,
        )

    async def _finish(self, building: Building) -> None:
        renewing = asyncio.create_task(self._renew())
        self._steps = Steps()
        try:
            report = await verify(
                self._database,
                self._events,
                self._model,
                self._generation,
                Extent(sample=building.sample),
                steps=self._steps,
            )
            await self._conclude(report)
        except StepRefused as error:  # cancelled, or taken over, meanwhile
            _log.info("rebuild.not_concluded", generation=self._generation.name, cause=str(error))
        finally:
            self._steps = None
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _renew(self) -> None:
        is_mine = True
        while is_mine:
            await asyncio.sleep(RENEW_EVERY_S)
            is_mine = await self._is_mine()

    async def _conclude(self, report: Report) -> None:
        if not report.agrees:
            failure = report.as_json()
            await registry.fail(self._database, self._generation, failure, overseer=self._id)
            name = self._generation.name
            _log.error("rebuild.failed", generation=name, faults=report.faults_count)
            return
        before = await registry.registered(self._database, self._model)
        if before.active is None or await self._is_as_new_as(before.active):
            await registry.show(self._database, self._generation, overseer=self._id)
            _log.info("rebuild.shown", generation=self._generation.name, events=report.events)
            if before.previous is not None:
                await drop_orphans(self._database, self._model.name)

    async def _is_as_new_as(self, active: Generation) -> bool:
        """Wait until what was built shows all that is shown now, so that no reader goes back."""
        try:
            async with asyncio.timeout(SWITCH_WITHIN_S):
                await wait_as_new_as(
                    self._database, self._events, self._model, self._generation, active
                )
        except TimeoutError:
            return False
        return True


async def wait_as_new_as(
    database: Database, log: EventLog, model: ReadModel, one: Generation, other: Generation
) -> None:
    """Wait until a generation shows all that another one shows now; without end, so give it one."""
    theirs = [
        await checkpoint_of(database, other.subscription(partition))
        for partition in range(other.partitions)
    ]
    for partition in range(one.partitions):
        while True:
            ours = await checkpoint_of(database, one.subscription(partition))
            if ours >= max(theirs):
                break
            wanted = matching(model, one, partition)
            if await events_behind(log, wanted, after=ours, types=model.events, at_most=1) == 0:
                break
            await asyncio.sleep(SWITCH_POLL_S)


async def overseers(models: Iterable[ReadModel], database: Database, log: EventLog) -> list[Job]:
    """Return the jobs of overseeing the rebuilds that are under way, for workers in general."""
    jobs = []
    for model in models:
        building = (await registry.registered(database, model)).building
        if building is not None and building.failure is None:
            jobs.append(_job(Overseer(database, log, model, building.generation)))
    return jobs


def _job(overseer: Overseer) -> Job:
    async def run() -> None:
        await overseer.run()

    generation = overseer.generation
    return Job(name=f"{generation.name}.overseer", group=generation.name, run=run)
