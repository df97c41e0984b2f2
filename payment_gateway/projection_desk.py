"""The steps that operators take with read models, each taken once and kept with who took it and why.

The command line and the REST interface take them here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from payment_gateway.application.operator_step import OperatorStep
from payment_gateway.domain.events import DomainEvent
from payment_gateway.infrastructure.persistence.eventstoredb import EventStoreDB
from payment_gateway.infrastructure.persistence.mongodb import Database
from projections import pausing, rollback, verifications
from projections.decisions import Step
from projections.document_writer import DocumentWriter
from projections.rebuild import Plan, begin_or_join
from projections.rebuild import rebuild as rebuild_to_its_end
from projections.rebuild_progress import OnProgress
from projections.registry import registered
from projections.worker import select

Answer = dict[str, Any]

# How a migration ends where there was nothing to be built.
CURRENT: Final = "current"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionDesk:
    """What may be done about read models. A step of an id that was taken is answered as it was then.

    Each step raises ``UnknownReadModel`` where there is none of that name, ``StepRefused`` where its state
    does not allow it, ``EventStoreUnavailable`` where it could not be recorded (then nothing was done),
    and ``pymongo.errors.PyMongoError`` where MongoDB gives no answer.
    """

    database: Database
    event_store: EventStoreDB

    async def rebuild(
        self,
        name: str,
        by: OperatorStep,
        *,
        partitions: int | None,
        rate_max: float | None,
        sample: int | None,
    ) -> Answer:
        """Begin to build it anew, or join whoever does."""
        plan = Plan(partitions=partitions, rate_max=rate_max, sample=sample)
        (model,) = select([name])
        begun = await begin_or_join(self.database, model, plan, self._step(name, by))
        return {"readModel": name, "generation": begun.number, "partitions": begun.partitions}

    async def rebuild_to_its_end(
        self, name: str, by: OperatorStep, plan: Plan, on_progress: OnProgress
    ) -> Answer:
        """Build it anew with workers of its own, or join whoever does; return how it ended."""
        (model,) = select([name])
        generation, ended = await rebuild_to_its_end(
            self.database,
            self.event_store,
            model,
            plan,
            self._step(name, by),
            on_progress=on_progress,
        )
        return {
            "readModel": name,
            "generation": generation.number,
            "end": ended.end.value,
            "failure": ended.failure,
        }

    async def migrate(
        self, name: str, by: OperatorStep, plan: Plan, on_progress: OnProgress
    ) -> Answer:
        """Have it there in the version of this release; return how that ended, ``current`` where it was.

        Where nothing is shown in this version, it is built anew, beside whatever another release shows. What
        is there in this version gets the indexes that it has not.
        """
        (model,) = select([name])
        shown = (await registered(self.database, model)).active
        if shown is None:
            ended = await self.rebuild_to_its_end(name, by, plan, on_progress)
        else:
            ended = {
                "readModel": name,
                "generation": shown.number,
                "end": CURRENT,
                "failure": None,
            }
        for kept in (await registered(self.database, model)).kept:
            await DocumentWriter(self.database, model, kept.generation).install()
        return ended

    async def cancel(self, name: str, by: OperatorStep) -> Answer:
        """Give its rebuild up, and drop what was built."""
        (model,) = select([name])
        given_up = await rollback.cancel(self.database, model, self._step(name, by))
        return {"readModel": name, **given_up}

    async def rollback(self, name: str, by: OperatorStep) -> Answer:
        """Show the generation before again."""
        (model,) = select([name])
        step = self._step(name, by)
        shown = await rollback.rollback(self.database, self.event_store, model, step)
        return {"readModel": name, **shown}

    async def prune(self, name: str, by: OperatorStep, *, older_versions: bool) -> Answer:
        """Drop the generation before, and what nobody keeps."""
        (model,) = select([name])
        dropped = await rollback.prune(
            self.database, model, self._step(name, by), older_versions=older_versions
        )
        return {"readModel": name, "dropped": dropped}

    async def pause(self, name: str, by: OperatorStep, *, of_rebuild: bool) -> Answer:
        """Have it, or its rebuild, stand still."""
        (model,) = select([name])
        step = self._step(name, by)
        paused = await pausing.pause(self.database, model, step, of_rebuild=of_rebuild)
        return {"readModel": name, **paused}

    async def resume(
        self,
        name: str,
        by: OperatorStep,
        *,
        of_rebuild: bool,
        rate_max: float | None = None,
    ) -> Answer:
        """Have it, or its rebuild, go on; a rebuild at another rate, if one is given."""
        (model,) = select([name])
        step = self._step(name, by)
        resumed = await pausing.resume(
            self.database, model, step, of_rebuild=of_rebuild, rate_max=rate_max
        )
        return {"readModel": name, **resumed}

    async def verify(self, name: str, by: OperatorStep, *, sample: int | None) -> Answer:
        """Have a worker compare what is shown with the log.

        Raises:
            NotBuilt: There is nothing to compare.
        """
        (model,) = select([name])
        step = self._step(name, by)
        return await verifications.ask(self.database, model, step, sample=sample)

    async def head(self) -> int:
        """Return the position of the log's last event: what was decided here is at it or before.

        Raises:
            EventStoreUnavailable: The event store gives no answer.
        """
        return await self.event_store.head()

    def _step(self, name: str, by: OperatorStep) -> Step:
        async def record(event: DomainEvent) -> None:
            stream = f"projection-{name}"
            await self.event_store.mark_once(stream, event, by.context, event_id=by.id)

        return Step(id=by.id, database=self.database, read_model=name, record=record)
