"""The steps of a read model's generations, against a real MongoDB."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from payment_gateway.infrastructure.persistence.mongodb import Database, open_mongodb
from projections import registry
from projections.generations import Generation, NotBuilt, active, install
from projections.payment_details import MODEL
from projections.registry import StepRefused
from tests.mongodb_fixture import database, mongodb_settings, mongodb_uri

__all__ = ["database", "mongodb_uri"]

NEXT_CODE = replace(MODEL, version=2)
Result = TypeVar("Result")


async def built(database: Database, *, partitions: int = 1) -> Generation:
    """Return a generation that was built and is shown."""
    building = await registry.begin(database, MODEL, partitions=partitions)
    assert await registry.oversee(database, building, "overseer", for_s=60)
    await registry.show(database, building, overseer="overseer")
    return building


class TestSteps:
    async def test_the_first_generation_is_made_once_however_many_workers_come(
        self, database: Database
    ) -> None:
        found = await asyncio.gather(*(install(database, MODEL) for _ in range(8)))
        assert len(set(found)) == 1

    async def test_a_new_version_of_the_code_waits_for_its_rebuild(
        self, database: Database
    ) -> None:
        first = await install(database, MODEL)
        with pytest.raises(NotBuilt):
            await install(database, NEXT_CODE)

        building = await registry.begin(database, NEXT_CODE, partitions=1)
        assert await registry.oversee(database, building, "me", for_s=60)
        await registry.show(database, building, overseer="me")

        assert await active(database, NEXT_CODE) == building
        assert await active(database, MODEL) == first
        assert building.number != first.number
        assert [one.version for one in await registry.all_registered(database)] == [1, 2]

    async def test_what_was_built_is_shown_and_the_one_before_is_kept(
        self, database: Database
    ) -> None:
        first = await install(database, MODEL)
        second = await built(database, partitions=4)
        found = await registry.registered(database, MODEL)
        assert (found.active, found.previous, found.building) == (second, first, None)
        assert [kept.state for kept in found.kept] == ["active", "previous"]

    async def test_going_back_twice_goes_forward(self, database: Database) -> None:
        first = await install(database, MODEL)
        second = await built(database)
        found = await registry.go_back(database, second, first)
        assert (found.active, found.previous) == (first, second)
        found = await registry.go_back(database, first, second)
        assert (found.active, found.previous) == (second, first)

    async def test_a_rollback_that_was_decided_before_a_switch_is_refused(
        self, database: Database
    ) -> None:
        first = await install(database, MODEL)
        second = await built(database)
        await built(database)
        with pytest.raises(StepRefused):
            await registry.go_back(database, second, first)

    async def test_only_one_build_at_a_time(self, database: Database) -> None:
        results = await asyncio.gather(
            *(registry.begin(database, MODEL, partitions=1) for _ in range(8)),
            return_exceptions=True,
        )
        assert sum(isinstance(one, Generation) for one in results) == 1
        assert sum(isinstance(one, StepRefused) for one in results) == 7

    async def test_only_the_overseer_switches(self, database: Database) -> None:
        building = await registry.begin(database, MODEL, partitions=1)
        assert await registry.oversee(database, building, "first", for_s=60)
        assert not await registry.oversee(database, building, "second", for_s=60)
        with pytest.raises(StepRefused):
            await registry.show(database, building, overseer="second")
        with pytest.raises(NotBuilt):
            await active(database, MODEL)

    async def test_an_overseer_that_does_not_come_back_is_followed_by_the_next(
        self, database: Database
    ) -> None:
        building = await registry.begin(database, MODEL, partitions=1)
        assert await registry.oversee(database, building, "first", for_s=0)
        assert await registry.oversee(database, building, "second", for_s=60)
        assert not await registry.oversee(database, building, "first", for_s=60)

    async def test_what_failed_its_verification_stands_still_and_is_not_shown(
        self, database: Database
    ) -> None:
        first = await install(database, MODEL)
        building = await registry.begin(database, MODEL, partitions=1)
        assert await registry.oversee(database, building, "me", for_s=60)
        found = await registry.fail(database, building, {"document": "$p"}, overseer="me")
        assert found.active == first
        assert found.building is not None
        assert found.building.failure == {"document": "$p"}
        assert [kept.is_paused for kept in found.kept] == [False, True]

    async def test_pausing_stops_what_is_shown_and_not_what_is_built(
        self, database: Database
    ) -> None:
        await install(database, MODEL)
        building = await registry.begin(database, MODEL, partitions=1, rate_max=5.0)
        found = await registry.pause(database, MODEL, paused=True)
        assert [kept.is_paused for kept in found.kept] == [True, False]
        found = await registry.change_building(database, building, paused=True, rate=9.0)
        assert [(kept.is_paused, kept.rate_max) for kept in found.kept] == [
            (True, None),
            (True, 9.0),
        ]

    async def test_what_was_never_built_cannot_be_paused(self, database: Database) -> None:
        with pytest.raises(StepRefused):
            await registry.pause(database, MODEL, paused=True)


class Machine(RuleBasedStateMachine):
    """Any order of steps, also those decided on a state that is gone, beside a model in memory."""

    uri: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.opened = open_mongodb(mongodb_settings(self.uri, f"test-{uuid4().hex[:12]}"))
        self.database = self.run(self.opened.__aenter__())
        self.active: Generation | None = None
        self.previous: Generation | None = None
        self.building: Generation | None = None
        self.overseen: Generation | None = None
        self.known: list[Generation] = []

    def run(self, step: Coroutine[Any, Any, Result]) -> Result:
        return self.runner.run(step)

    async def drop(self) -> None:
        await self.database.client.drop_database(self.database.name)

    def refused(self, step: Coroutine[Any, Any, object], *, expected: bool) -> bool:
        try:
            self.run(step)
        except StepRefused:
            assert expected, "a step that its state allows was refused"
            return True
        assert not expected, "a step that its state does not allow went through"
        return False

    def pick(self, which: int) -> Generation:
        ghost = Generation(model=MODEL.name, version=MODEL.version, number=0, partitions=1)
        return self.known[which % len(self.known)] if self.known else ghost

    @rule(partitions=st.sampled_from([1, 2, 16]))
    def begin(self, partitions: int) -> None:
        step = registry.begin(self.database, MODEL, partitions=partitions)
        if not self.refused(step, expected=self.building is not None):
            found = self.run(registry.registered(self.database, MODEL)).building
            assert found is not None
            assert found.generation not in self.known
            self.building = found.generation
            self.known.append(found.generation)

    @rule(which=st.integers(0, 50), overseen=st.booleans())
    def show(self, which: int, overseen: bool) -> None:
        one = self.pick(which)
        name = f"overseer-{one.number}"
        taken = overseen and self.run(registry.oversee(self.database, one, name, for_s=600))
        if taken:
            self.overseen = one
        held = self.building is not None and self.building == one == self.overseen
        step = registry.show(self.database, one, overseer=name)
        if not self.refused(step, expected=not held):
            self.active, self.previous, self.building = one, self.active, None

    @rule(which=st.integers(0, 50))
    def cancel(self, which: int) -> None:
        one = self.pick(which)
        if not self.refused(registry.cancel(self.database, one), expected=self.building != one):
            self.building = None

    @rule(one=st.integers(0, 50), other=st.integers(0, 50))
    def go_back(self, one: int, other: int) -> None:
        now, then = self.pick(one), self.pick(other)
        fits = self.active == now and self.previous == then
        step = registry.go_back(self.database, now, then)
        if not self.refused(step, expected=not fits):
            self.active, self.previous = self.previous, self.active

    @rule()
    def go_back_from_what_is_shown(self) -> None:
        if self.active and self.previous:
            self.run(registry.go_back(self.database, self.active, self.previous))
            self.active, self.previous = self.previous, self.active

    @rule(which=st.integers(0, 50))
    def forget_previous(self, which: int) -> None:
        one = self.pick(which)
        step = registry.forget_previous(self.database, one)
        if not self.refused(step, expected=self.previous != one):
            self.previous = None

    @invariant()
    def it_is_as_the_model_says(self) -> None:
        found = self.run(registry.registered(self.database, MODEL))
        building = found.building.generation if found.building else None
        assert (found.active, found.previous, building) == (
            self.active,
            self.previous,
            self.building,
        )

    @invariant()
    def no_generation_stands_in_two_places(self) -> None:
        kept = self.run(registry.registered(self.database, MODEL)).kept
        assert len({one.generation.number for one in kept}) == len(kept)

    def teardown(self) -> None:
        self.run(self.drop())
        self.run(self.opened.__aexit__(None, None, None))
        self.runner.close()


def test_whatever_the_order_of_the_steps(mongodb_uri: str) -> None:
    machine = type("MachineHere", (Machine,), {"uri": mongodb_uri})
    run_state_machine_as_test(machine, settings=settings(max_examples=15, stateful_step_count=25))
