"""Each step with a read model is taken once, whoever dies in the middle of it and however many take it at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from payment_gateway.application.operator_step import OperatorStep
from payment_gateway.application.ports import CommandContext, EventStoreUnavailable
from payment_gateway.domain.events import DomainEvent
from payment_gateway.infrastructure.persistence.eventstoredb import EventStoreDB
from payment_gateway.infrastructure.persistence.mongodb import Database
from payment_gateway.projection_desk import ProjectionDesk
from projections import registry
from projections.generations import active, install
from projections.payment_details import MODEL
from projections.registry import StepRefused
from tests.event_store_fixture import embedded_event_store_uri
from tests.integration.read_model_world import opened_world
from tests.mongodb_fixture import database, mongodb_uri

__all__ = ["database", "embedded_event_store_uri", "mongodb_uri"]

pytestmark = pytest.mark.timeout(120)
NAME = MODEL.name
AT_ONCE = 6


def step() -> OperatorStep:
    """Return a step that nobody took before."""
    context = CommandContext(
        tenant_id="*", actor="apikey:ops", correlation_id="c", at=datetime.now(UTC), reason="why"
    )
    return OperatorStep(id=str(uuid4()), context=context)


class AnswersAreLost(EventStoreDB):
    """An event store that keeps what it is given, and never says so."""

    async def mark_once(
        self, stream: str, event: DomainEvent, context: CommandContext, *, event_id: str
    ) -> None:
        await super().mark_once(stream, event, context, event_id=event_id)
        raise EventStoreUnavailable("no answer")


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A desk, and what came of its steps."""

    desk: ProjectionDesk

    @property
    def that_hears_nothing(self) -> ProjectionDesk:
        store = self.desk.event_store
        deaf = AnswersAreLost(store._client, timeout_s=store._timeout_s)
        return replace(self.desk, event_store=deaf)

    async def recorded(self, *steps: OperatorStep) -> list[str]:
        """Return the types of the events that these steps left."""
        history = await self.desk.event_store.read(f"projection-{NAME}")
        ids = {one.id for one in steps}
        return [one.type for one in history.events if one.event_id in ids]

    async def shown(self) -> int:
        return (await active(self.desk.database, MODEL)).number

    async def build(self) -> None:
        """Have the next generation shown, as the workers do."""
        building = await registry.begin(self.desk.database, MODEL, partitions=1)
        assert await registry.oversee(self.desk.database, building, "test", for_s=60)
        await registry.show(self.desk.database, building, overseer="test")

    async def rebuild(self, by: OperatorStep) -> dict[str, Any]:
        return await self.desk.rebuild(NAME, by, partitions=None, rate_max=None, sample=None)


@pytest.fixture
async def desk(embedded_event_store_uri: str, database: Database) -> AsyncGenerator[Desk, None]:
    async with opened_world(embedded_event_store_uri, database) as world:
        await install(database, MODEL)
        yield Desk(desk=ProjectionDesk(database=database, event_store=world.store))


class TestTakenAgain:
    """As after a crash: the key of the request is free, and the step has the same id."""

    async def test_a_rollback_that_was_done_shows_nothing_else(self, desk: Desk) -> None:
        await desk.build()
        back = step()
        first = await desk.desk.rollback(NAME, back)

        again = await desk.desk.rollback(NAME, back)

        assert again == first == {"readModel": NAME, "active": 1, "previous": 2}
        assert await desk.shown() == 1
        assert await desk.recorded(back) == ["ReadModelRolledBack"]

    async def test_a_rollback_that_was_recorded_and_not_done_is_done(self, desk: Desk) -> None:
        await desk.build()
        back = step()
        with pytest.raises(EventStoreUnavailable):
            await desk.that_hears_nothing.rollback(NAME, back)
        assert await desk.shown() == 2

        await desk.desk.rollback(NAME, back)

        assert await desk.shown() == 1
        assert await desk.recorded(back) == ["ReadModelRolledBack"]

    async def test_a_rebuild_that_has_ended_meanwhile_is_not_begun_anew(self, desk: Desk) -> None:
        wanted = step()
        begun = await desk.rebuild(wanted)
        building = await registry.generation_in(desk.desk.database, MODEL, "building")
        assert await registry.oversee(desk.desk.database, building, "test", for_s=60)
        await registry.show(desk.desk.database, building, overseer="test")

        assert await desk.rebuild(wanted) == begun

        assert (await registry.registered(desk.desk.database, MODEL)).building is None
        assert await desk.recorded(wanted) == ["ReadModelRebuildRequested"]

    async def test_a_pause_does_not_stop_what_has_been_resumed(self, desk: Desk) -> None:
        paused, resumed = step(), step()
        first = await desk.desk.pause(NAME, paused, of_rebuild=False)
        await desk.desk.resume(NAME, resumed, of_rebuild=False)

        assert await desk.desk.pause(NAME, paused, of_rebuild=False) == first

        assert not (await registry.registered(desk.desk.database, MODEL)).is_paused

    async def test_a_verification_is_asked_for_once(self, desk: Desk) -> None:
        asked = step()

        first = await desk.desk.verify(NAME, asked, sample=3)

        assert await desk.desk.verify(NAME, asked, sample=3) == first
        assert await desk.recorded(asked) == ["ReadModelVerificationRequested"]


class TestAtOnce:
    async def test_one_of_many_rollbacks_is_done_and_recorded(self, desk: Desk) -> None:
        await desk.build()
        steps = [step() for _ in range(AT_ONCE)]

        ended = await asyncio.gather(
            *(desk.desk.rollback(NAME, one) for one in steps), return_exceptions=True
        )

        refused = [one for one in ended if isinstance(one, StepRefused)]
        done = [one for one in ended if isinstance(one, dict)]
        assert len(done) + len(refused) == AT_ONCE, ended
        # Whoever looked only after another one was done has gone forward again.
        assert await desk.recorded(*steps) == ["ReadModelRolledBack"] * len(done)
        assert await desk.shown() == (1 if len(done) % 2 else 2)

    async def test_one_of_many_rebuilds_is_begun_and_recorded(self, desk: Desk) -> None:
        steps = [step() for _ in range(AT_ONCE)]

        begun = await asyncio.gather(*(desk.rebuild(one) for one in steps))

        assert len({one["generation"] for one in begun}) == 1
        assert await desk.recorded(*steps) == ["ReadModelRebuildRequested"]

    async def test_one_of_many_pauses_is_recorded(self, desk: Desk) -> None:
        steps = [step() for _ in range(AT_ONCE)]

        await asyncio.gather(*(desk.desk.pause(NAME, one, of_rebuild=False) for one in steps))

        assert await desk.recorded(*steps) == ["ReadModelPaused"]

    async def test_the_same_step_is_taken_once(self, desk: Desk) -> None:
        await desk.build()
        back = step()

        answers = await asyncio.gather(*(desk.desk.rollback(NAME, back) for _ in range(AT_ONCE)))

        assert [one["active"] for one in answers] == [1] * AT_ONCE
        assert await desk.shown() == 1
        assert await desk.recorded(back) == ["ReadModelRolledBack"]


async def test_what_is_refused_leaves_no_event(desk: Desk) -> None:
    steps = [step(), step()]
    with pytest.raises(StepRefused):
        await desk.desk.cancel(NAME, steps[0])
    with pytest.raises(StepRefused):
        await desk.desk.rollback(NAME, steps[1])

    assert await desk.recorded(*steps) == []
