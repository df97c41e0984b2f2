"""Read models are built anew beside those that are shown: real processes, killed at any moment."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import random
import sys
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from payment_gateway.domain.events import DomainEvent
from payment_gateway.infrastructure.messaging.fleet import Fleet
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.mongodb import Database, Document
from payment_gateway.projection_operations import OPERATIONS as ACT
from payment_gateway.settings import Settings
from payment_gateway.telemetry.metrics import REGISTRY
from projections import registry
from projections.decisions import Step
from projections.generations import Generation, NotBuilt, Shown, active
from projections.overseer import End, Overseer
from projections.payment_details import MODEL
from projections.read_model import Changes, Found, ReadModel, fold
from projections.rebuild import Plan, begin_or_join
from projections.rebuild_progress import rebuilds
from projections.registry import StepRefused, registered
from projections.units import GenerationUnits
from projections.verify import verify
from sandbox.ports import free_port
from tests.child_process import Child, kill, launch, running, stop
from tests.command_line import run_command
from tests.event_store_fixture import embedded_server
from tests.integration.read_model_world import World, opened_world, until
from tests.mongodb_fixture import database, mongodb_uri

__all__ = ["database", "mongodb_uri"]

pytestmark = pytest.mark.timeout(float(os.environ.get("REBUILD_TIMEOUT_S", "300")))

KILLS = int(os.environ.get("REBUILD_KILLS", "5"))
NAME = MODEL.name
CLI = (sys.executable, "-m", "payment_gateway", "projections")
ENDS_WITHIN_S = 120.0

Result = TypeVar("Result")


class Gateway:
    """The command line on an installation, each command a process of its own."""

    def __init__(self, world: World, folder: Path, env: Mapping[str, str]) -> None:
        self.world, self.log, self.env = world, folder / "processes.log", env

    def launch(self, *words: str) -> Child:
        return launch((*CLI, *words), log=self.log, env=self.env)

    async def call(self, *words: str, code: int = 0) -> Any:
        """Return what a command prints with ``--json``, once it has ended."""
        ran = await asyncio.to_thread(run_command, "projections", *words, "--json", env=self.env)
        assert ran.returncode == code, ran.stdout + ran.stderr[-3000:]
        return json.loads(ran.stdout) if ran.stdout else None

    async def do(self, operation: Callable[..., Result], *given: object) -> Result:
        """Return what a command does, without a process of its own: they take long to start."""
        return await asyncio.to_thread(operation, self.settings, *given)

    async def audited(self) -> list[tuple[str, str | None]]:
        """Return which decisions about the read model were kept, and why they were taken."""
        ran = await asyncio.to_thread(run_command, "audit", "--json", env=self.env)
        assert ran.returncode == 0, ran.stdout + ran.stderr[-3000:]
        entries = [
            one for one in json.loads(ran.stdout)["data"] if one["stream"] == f"projection-{NAME}"
        ]
        assert {one["actor"] for one in entries} == {f"operator:{getpass.getuser()}"}
        return [(one["event"], one["reason"]) for one in entries]

    @property
    def settings(self) -> Settings:
        named = {name.removeprefix("GATEWAY_").lower(): value for name, value in self.env.items()}
        return Settings.model_validate(named)

    @contextmanager
    def worker(self) -> Iterator[str]:
        """Run a worker; yield where it tells its metrics."""
        port = free_port()
        env = {**self.env, "GATEWAY_HEALTH_PORT": str(port)}
        with running((*CLI, "run", NAME), log=self.log, env=env):
            yield f"http://127.0.0.1:{port}/metrics"


def unrecorded(database: Database, model: ReadModel = MODEL) -> Step:
    """Return a step that keeps nothing: of who decided, other tests tell."""

    async def keep_nothing(_: DomainEvent) -> None: ...

    return Step(id=str(uuid4()), database=database, read_model=model.name, record=keep_nothing)


async def rebuilds_told(metrics_url: str) -> dict[str, float]:
    """Return what a worker tells of the rebuild: the share that is read, and its state."""
    async with httpx.AsyncClient(trust_env=False, verify=False) as scraper:
        text = (await scraper.get(metrics_url)).text
    return {
        sample.labels.get("state", "share"): sample.value
        for family in text_string_to_metric_families(text)
        if family.name in {"gateway_rebuild_progress_ratio", "gateway_rebuild_state"}
        for sample in family.samples
        if sample.labels["model"] == NAME
    }


@pytest.fixture
async def gateway(
    tmp_path: Path, mongodb_uri: str, database: Database
) -> AsyncGenerator[Gateway, None]:
    with embedded_server(tmp_path / "events") as uri:
        env = {
            "GATEWAY_EVENTSTORE_URI": uri,
            "GATEWAY_MONGODB_URI": mongodb_uri,
            "GATEWAY_MONGODB_DATABASE": database.name,
            "GATEWAY_LOG_FORMAT": "json",
        }
        async with opened_world(uri, database) as world:
            yield Gateway(world, tmp_path, env)


async def is_built(database: Database) -> bool:
    return (await registered(database, MODEL)).active is not None


async def shown(world: World) -> Generation:
    await until(lambda: is_built(world.database))
    return await active(world.database, MODEL)


async def expected(world: World, payment_ids: list[str]) -> dict[str, Document]:
    documents: dict[str, Document] = {}
    for payment_id in payment_ids:
        events = (await world.store.read(f"payment-{payment_id}")).events
        folded = fold(MODEL, events).values()
        documents.update({one["_id"]: _as_stored(one) for one in folded})
    return documents


def _as_stored(document: Document) -> Document:
    """MongoDB keeps milliseconds."""
    return {
        name: value.replace(microsecond=value.microsecond // 1000 * 1000)
        if name in {"createdAt", "updatedAt"}
        else value
        for name, value in document.items()
    }


@asynccontextmanager
async def readers(world: World, payment_ids: list[str]) -> AsyncGenerator[list[str], None]:
    """Look at what is shown all the time, as queries do; what was seen that is not whole is collected."""
    wrong: list[str] = []
    seen = Shown(world.database)
    looked = 0

    async def look() -> None:
        nonlocal looked
        while True:
            collection = await seen.collection(MODEL)
            found = await collection.count_documents({"_id": {"$in": payment_ids}})
            looked += 1
            if found != len(payment_ids):
                wrong.append(f"{found} of {len(payment_ids)} in {collection.name}")
            await asyncio.sleep(0.01)

    task = asyncio.create_task(look())
    try:
        yield wrong
    finally:
        task.cancel()
        outcome = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(outcome[0], asyncio.CancelledError), outcome
    assert looked > 0


async def test_it_takes_the_place_of_what_is_shown_while_payments_arrive(gateway: Gateway) -> None:
    world = gateway.world
    payment_ids = await world.pay_many(60)
    with gateway.worker():
        before = await shown(world)
        await world.caught_up(MODEL, before)
        async with readers(world, payment_ids) as wrong:
            rebuilding = asyncio.create_task(gateway.call("rebuild", NAME))
            arriving = await world.pay_many(60)
            ended = await rebuilding
            after = await shown(world)
            assert ended == {
                "readModel": NAME,
                "generation": after.number,
                "end": "shown",
                "failure": None,
            }
            assert (await registered(world.database, MODEL)).previous == before
            late = await world.pay_many(5)
            for generation in (before, after):
                await world.caught_up(MODEL, generation)
        assert wrong == []
        everything = await expected(world, [*payment_ids, *arriving, *late])
        assert await world.documents(after) == everything
        assert await world.documents(before) == everything
        assert after.partitions == 4
        assert (await gateway.do(ACT.verify, NAME, "active", None, None))["agrees"]


async def test_killed_again_and_again_it_ends_with_a_whole_new_version(gateway: Gateway) -> None:
    """The command and its workers are killed at random points; at each, readers see one whole version."""
    seed = random.SystemRandom().randrange(10**9)
    print(f"seed {seed}")
    chance = random.Random(seed)
    world = gateway.world
    payment_ids = await world.pay_many(120)
    with gateway.worker():
        before = await shown(world)
        await world.caught_up(MODEL, before)
        async with readers(world, payment_ids) as wrong:
            for _ in range(KILLS):
                process = gateway.launch("rebuild", NAME, "--rate", "1500")
                try:
                    await asyncio.sleep(chance.uniform(0.2, 4.0))
                    state = await registered(world.database, MODEL)
                    assert (state.active == before) or state.previous is not None
                finally:
                    await asyncio.to_thread(kill, process)
                await world.pay_many(2)
            while (await registered(world.database, MODEL)).building is not None:
                await gateway.call("rebuild", NAME, "--rate", "100000")
            if await shown(world) == before:
                await gateway.call("rebuild", NAME)
            after = await shown(world)
            await world.caught_up(MODEL, after)
        assert wrong == []
        report = await verify(world.database, world.store, MODEL, after)
        assert report.agrees, report.as_json()
        documents = await world.documents(after)
        assert len(documents) == len(payment_ids) + 2 * KILLS
        assert documents.items() >= (await expected(world, payment_ids)).items()


async def test_left_to_the_workers_it_ends_as_well(gateway: Gateway) -> None:
    world = gateway.world
    await world.pay_many(20)
    with gateway.worker():
        before = await shown(world)
        begun = await begin_or_join(
            world.database, MODEL, Plan(partitions=2), unrecorded(world.database)
        )

        async def is_switched() -> bool:
            return await shown(world) != before

        await until(is_switched)
        assert (await shown(world)).number == begun.number


async def test_a_rebuild_that_does_not_pass_its_verification_is_not_shown(
    gateway: Gateway,
) -> None:
    world = gateway.world
    (payment_id, *_) = await world.pay_many(5)
    with gateway.worker():
        before = await shown(world)
        await world.caught_up(MODEL, before)
    # Nobody else is there now, so what is planted is there before the overseer comes.
    planted = await registry.begin(world.database, MODEL, partitions=1)
    async with world.keeping(MODEL, planted):
        pass
    edit = {"$set": {"capturedMinor": 1}}
    await world.database[planted.collection("")].update_one({"_id": payment_id}, edit)

    ended = await gateway.call("rebuild", NAME, code=1)

    assert ended["end"] == "failed"
    assert ended["failure"]["faults"][0]["document"] == payment_id
    assert await shown(world) == before
    await rebuilds([MODEL], world.database, world.store)()
    told = {"model": NAME, "state": "failed"}
    assert REGISTRY.get_sample_value("gateway_rebuild_state", told) == 1
    share = REGISTRY.get_sample_value("gateway_rebuild_progress_ratio", {"model": NAME})
    assert share is not None
    assert 0 < share <= 1
    states = await gateway.do(ACT.status)
    assert [one["state"] for one in states] == ["active", "failed"]
    with pytest.raises(StepRefused, match="did not pass its verification"):
        await begin_or_join(world.database, MODEL, Plan(), unrecorded(world.database))
    await gateway.do(ACT.cancel, NAME)
    assert (await registered(world.database, MODEL)).building is None
    assert planted.collection("") not in await world.database.list_collection_names()


async def tells(metrics_url: str, wanted: dict[str, float]) -> bool:
    try:
        return await rebuilds_told(metrics_url) == wanted
    except httpx.TransportError:  # it does not listen yet
        return False


async def test_paused_it_stands_still_and_resumed_it_goes_on(gateway: Gateway) -> None:
    world = gateway.world
    await world.pay_many(40)
    await begin_or_join(world.database, MODEL, Plan(rate_max=20.0), unrecorded(world.database))
    await gateway.do(ACT.pause, NAME, True)
    with gateway.worker() as metrics_url:
        process = gateway.launch("rebuild", NAME)
        try:
            await asyncio.sleep(3)
            building = (await registered(world.database, MODEL)).building
            assert building is not None
            assert building.is_paused
            checkpoints = (
                await world.database["checkpoints"].find({"events": {"$gt": 0}}).to_list(9)
            )
            assert [one["_id"] for one in checkpoints if one["_id"].startswith(NAME)] == []
            await until(lambda: tells(metrics_url, {"share": 0.0, "paused": 1.0}))
            await gateway.do(ACT.resume, NAME, True, 100_000.0)
            await until(lambda: is_built(world.database))
            await until(lambda: tells(metrics_url, {}))
        finally:
            await asyncio.to_thread(stop, process)


async def test_going_back_and_forward_and_dropping_what_is_not_needed(gateway: Gateway) -> None:
    world = gateway.world
    payment_ids = await world.pay_many(10)
    with gateway.worker():
        before = await shown(world)
        await gateway.call("rebuild", NAME)
        after = await shown(world)
        late = await world.pay_many(5)

        back = await gateway.call("rollback", NAME, "--yes", "--reason", "it shows too much")
        assert (back["active"], back["previous"]) == (before.number, after.number)
        assert await shown(world) == before
        await world.caught_up(MODEL, before)
        assert (await world.documents(before)).keys() == {*payment_ids, *late}

        await gateway.do(ACT.rollback, NAME)
        assert await shown(world) == after
        assert (await gateway.do(ACT.prune, NAME, False))["dropped"] == 1
        assert before.collection("") not in await world.database.list_collection_names()
        left = await world.database["checkpoints"].distinct("_id")
        assert not any(one.startswith(f"{before.name}.") for one in left)
        with pytest.raises(StepRefused, match="no generation to go back to"):
            await gateway.do(ACT.rollback, NAME)
        assert await gateway.audited() == [
            ("ReadModelRebuildRequested", None),
            ("ReadModelRolledBack", "it shows too much"),
            ("ReadModelRolledBack", None),
            ("ReadModelPruned", None),
        ]
        await world.pay_many(2)
        await world.caught_up(MODEL, after)
        assert (await gateway.do(ACT.verify, NAME, "active", None, None))["documents"] == 17


async def test_back_to_what_nobody_keeps_is_refused(gateway: Gateway) -> None:
    world = gateway.world
    await world.pay_many(5)
    with gateway.worker():
        before = await shown(world)
        await gateway.call("rebuild", NAME)
        after = await shown(world)
    await world.pay_many(1)
    async with world.keeping(MODEL, after):
        pass
    with pytest.raises(StepRefused, match="no worker brings it forward"):
        await gateway.do(ACT.rollback, NAME)
    assert await shown(world) == after != before


async def test_a_new_version_of_the_code_is_built_beside_the_old_one_and_both_serve(
    gateway: Gateway,
) -> None:
    def project(found: Found, recorded: RecordedEvent) -> Changes:
        changes = MODEL.project(found, recorded)
        return {key: {**document, "layout": "new"} for key, document in changes.items()}

    new = replace(MODEL, version=MODEL.version + 1, project=project)
    world = gateway.world
    payment_ids = await world.pay_many(20)
    with gateway.worker():
        old_one = await shown(world)
        with pytest.raises(NotBuilt):
            await active(world.database, new)
        building = await begin_or_join(
            world.database, new, Plan(partitions=2), unrecorded(world.database, new)
        )
        units = GenerationUnits([new], world.database)
        fleet = Fleet(offered=units, log=world.store, database=world.database)
        keeping = asyncio.create_task(fleet.run())
        try:
            ended = await Overseer(world.database, world.store, new, building).run()
            late = await world.pay_many(5)
            await world.caught_up(MODEL, old_one)
            await world.caught_up(new, building)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
    assert ended.end is End.SHOWN
    assert await active(world.database, MODEL) == old_one
    assert await active(world.database, new) == building
    everything = await expected(world, [*payment_ids, *late])
    assert await world.documents(old_one) == everything
    assert await world.documents(building) == {
        id_: {**document, "layout": "new"} for id_, document in everything.items()
    }
    for model, generation in ((MODEL, old_one), (new, building)):
        assert (await verify(world.database, world.store, model, generation)).agrees
