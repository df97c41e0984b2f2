"""A new release's read models are made ready beside those that the old one shows: one command, before it starts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from payment_gateway.infrastructure.messaging.fleet import Fleet
from payment_gateway.infrastructure.persistence.mongodb import Database
from projections import registry
from projections.generations import Generation, active, install
from projections.payment_details import MODEL
from projections.read_model import ReadModel
from projections.registry import registered
from projections.units import GenerationUnits
from projections.verify import verify
from projections.worker import READ_MODELS
from tests.command_line import run_command
from tests.event_store_fixture import embedded_server
from tests.integration.read_model_world import World, opened_world, until
from tests.mongodb_fixture import database, mongodb_uri

__all__ = ["database", "mongodb_uri"]

pytestmark = pytest.mark.timeout(300)
NAME = MODEL.name
OLD = replace(MODEL, version=MODEL.version - 1)
OTHERS = [model for model in READ_MODELS.values() if model is not MODEL]


@dataclass(frozen=True, kw_only=True)
class Installation:
    """Servers with payments, and the command line of the new release."""

    world: World
    env: dict[str, str]

    async def migrate(self, *words: str, code: int = 0) -> tuple[Any, str]:
        """Return what the command printed: its JSON document, and what a person is told."""
        given = ("projections", "migrate", "--json", *words)
        ran = await asyncio.to_thread(run_command, *given, env=self.env)
        assert ran.returncode == code, ran.stdout + ran.stderr[-3000:]
        return json.loads(ran.stdout) if ran.stdout else None, ran.stderr


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[str]:
    with embedded_server(tmp_path / "events") as uri:
        yield uri


@pytest.fixture
async def installation(
    servers: str, mongodb_uri: str, database: Database
) -> AsyncGenerator[Installation, None]:
    env = {
        "GATEWAY_EVENTSTORE_URI": servers,
        "GATEWAY_MONGODB_URI": mongodb_uri,
        "GATEWAY_MONGODB_DATABASE": database.name,
        "GATEWAY_LOG_FORMAT": "json",
    }
    async with opened_world(servers, database) as world:
        yield Installation(world=world, env=env)


@asynccontextmanager
async def worker_of(model: ReadModel, world: World) -> AsyncGenerator[None, None]:
    """Keep a read model as a worker of its release does."""
    units = GenerationUnits([model], world.database)
    fleet = Fleet(offered=units, log=world.store, database=world.database)
    keeping = asyncio.create_task(fleet.run())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def shown_of(world: World, model: ReadModel) -> Generation:
    async def is_built() -> bool:
        return (await registered(world.database, model)).active is not None

    await until(is_built)
    return await active(world.database, model)


async def test_what_has_another_version_is_built_while_the_old_release_goes_on(
    installation: Installation,
) -> None:
    world = installation.world
    for model in OTHERS:  # these are the same in both releases
        await install(world.database, model)
    await world.pay_many(30)
    async with worker_of(OLD, world):
        old = await shown_of(world, OLD)
        migrating = asyncio.create_task(installation.migrate())
        await world.pay_many(20)
        done, _ = await migrating
        new = await active(world.database, MODEL)
        late = await world.pay_many(5)
        await world.caught_up(OLD, old)

    assert {one["readModel"]: one["end"] for one in done["data"]} == {
        NAME: "shown",
        **{model.name: "current" for model in OTHERS},
    }
    assert new.version == MODEL.version
    assert await active(world.database, OLD) == old
    of_old = await world.documents(old)
    assert len(of_old) == 55
    # The new release's workers go on from there.
    async with worker_of(MODEL, world):
        await world.caught_up(MODEL, new)
    assert await world.documents(new) == of_old
    assert late[0] in of_old
    assert (await verify(world.database, world.store, MODEL, new)).agrees


async def test_given_again_it_does_nothing_but_make_indexes_that_are_missing(
    installation: Installation,
) -> None:
    world = installation.world
    first, _ = await installation.migrate()  # of an installation that was never started
    assert [one["end"] for one in first["data"]] == ["shown"] * len(READ_MODELS)
    generation = await active(world.database, MODEL)
    collection = world.database[generation.collection("")]
    made = await collection.index_information()
    assert len(made) > len(MODEL.indexes[""])  # and that of the ids
    await collection.drop_indexes()

    second, _ = await installation.migrate()

    assert second == {"data": [{**one, "end": "current"} for one in first["data"]]}
    assert await collection.index_information() == made


async def test_what_is_not_what_the_log_says_ends_it(installation: Installation) -> None:
    world = installation.world
    (payment_id, *_) = await world.pay_many(5)
    async with worker_of(OLD, world):
        old = await shown_of(world, OLD)
        await world.caught_up(OLD, old)
    # Nobody else is there now, so what is planted is there before it is verified.
    planted = await registry.begin(world.database, MODEL, partitions=1)
    async with world.keeping(MODEL, planted):
        pass
    edit = {"$set": {"capturedMinor": 1}}
    await world.database[planted.collection("")].update_one({"_id": payment_id}, edit)

    ended, _ = await installation.migrate(code=1)

    assert [(one["readModel"], one["end"]) for one in ended["data"]] == [(NAME, "failed")]
    assert ended["data"][0]["failure"]["faults"][0]["document"] == payment_id
    assert (await registered(world.database, MODEL)).active is None
    assert await active(world.database, OLD) == old
    nothing, told = await installation.migrate(code=1)
    assert nothing is None
    assert f"projections cancel {NAME}" in told
