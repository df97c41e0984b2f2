"""Workers of one read model on one machine as on many: killed, frozen, joining, while payments go on."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from payment_gateway.infrastructure.messaging import workers
from payment_gateway.infrastructure.persistence.eventstoredb import (
    EventStoreDB,
    open_eventstoredb,
)
from payment_gateway.infrastructure.persistence.mongodb import Database
from projections.generations import install
from projections.payment_details import MODEL
from tests.child_process import Child, kill, launch, stop
from tests.event_store_fixture import embedded_server, event_store_settings
from tests.integration.projection_process import LEDGER
from tests.integration.test_projection_worker import (
    append_histories,
    assert_documents_are_folds,
    until,
)
from tests.mongodb_fixture import database, mongodb_uri

__all__ = ["database", "mongodb_uri"]

PARTITIONS = 4
PAYMENTS = 150
KILLS = int(os.environ.get("PROJECTION_KILLS", "5"))
ARGV = (sys.executable, "-m", "tests.integration.fleet_process")
EVENTS_PER_PAYMENT = 6


@dataclass
class Machines:
    """Workers that can be started, killed and frozen, on one log and one database."""

    store: EventStoreDB
    database: Database
    env: Mapping[str, str]
    log: Path
    running: list[Child] = field(default_factory=list)

    def start(self) -> Child:
        process = launch(ARGV, log=self.log, env=self.env)
        self.running.append(process)
        return process

    async def kill(self, process: Child) -> None:
        self.running.remove(process)
        await asyncio.to_thread(kill, process)

    async def holders(self) -> Counter[str]:
        """Return how many partitions each worker holds that lives."""
        alive = await workers.Workers(self.database, "nobody").seats()
        wanted = {"_id": {"$regex": f"^{MODEL.name}_g"}, "owner": {"$in": list(alive)}}
        found = self.database["checkpoints"].find(wanted, {"owner": 1})
        return Counter([document["owner"] async for document in found])

    async def shared_by(self, shares: list[int]) -> None:
        async def shared() -> bool:
            return sorted((await self.holders()).values()) == shares

        await until(shared)

    async def all_handled(self) -> None:
        head = await self.store.head()

        async def handled() -> bool:
            found = self.database["checkpoints"].find({"_id": {"$regex": f"^{MODEL.name}_g"}})
            positions = [document["position"] async for document in found]
            return len(positions) == PARTITIONS and min(positions) >= head

        await until(handled)

    async def check(self, payment_ids: list[str]) -> None:
        """Every event was handled once, and the documents are those of an undisturbed fold."""
        await assert_documents_are_folds(self.store, self.database, payment_ids)
        ledger = await self.database[LEDGER].find().to_list(None)
        assert [one["times"] for one in ledger] == [1] * (len(payment_ids) * EVENTS_PER_PAYMENT)
        assert await self.database["parked_events"].count_documents({}) == 0


@pytest.fixture
async def machines(
    tmp_path: Path, mongodb_uri: str, database: Database
) -> AsyncGenerator[Machines, None]:
    await install(database, MODEL, partitions=PARTITIONS)
    with embedded_server(tmp_path / "events") as uri:
        env = {
            "GATEWAY_EVENTSTORE_URI": uri,
            "GATEWAY_MONGODB_URI": mongodb_uri,
            "GATEWAY_MONGODB_DATABASE": database.name,
        }
        async with open_eventstoredb(event_store_settings(uri)) as store:
            made = Machines(store, database, env, tmp_path / "workers.log")
            yield made
            for process in made.running:
                process.send_signal(signal.SIGCONT)
                await asyncio.to_thread(stop, process)


async def test_killed_at_random_while_partitions_move_nothing_is_lost_and_nothing_done_twice(
    machines: Machines,
) -> None:
    seed = random.SystemRandom().randrange(10**9)
    print(f"seed {seed}")
    chance = random.Random(seed)
    payment_ids = [str(uuid4()) for _ in range(PAYMENTS)]
    for _ in range(2):
        machines.start()
    await machines.shared_by([2, 2])
    appending = asyncio.create_task(append_histories(machines.store, payment_ids))
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0, 1))
        victim = chance.choice(machines.running)
        if chance.random() < 0.3:  # told to stop instead: it hands over by itself
            victim.terminate()
        else:
            await machines.kill(victim)
        machines.start()
    await appending
    await machines.all_handled()
    await machines.check(payment_ids)


async def test_one_that_joins_is_given_its_part_and_one_that_dies_leaves_it_to_the_others(
    machines: Machines,
) -> None:
    first = machines.start()
    await machines.shared_by([PARTITIONS])
    machines.start()
    await machines.shared_by([2, 2])
    machines.start()
    await machines.shared_by([1, 1, 2])
    await machines.kill(first)
    await machines.shared_by([2, 2])


async def test_one_that_was_frozen_and_wakes_up_writes_nothing_over_what_was_done_meanwhile(
    machines: Machines,
) -> None:
    before, meanwhile, after = ([str(uuid4()) for _ in range(40)] for _ in range(3))
    frozen = machines.start()
    await machines.shared_by([PARTITIONS])
    appending = asyncio.create_task(append_histories(machines.store, before))
    await until(lambda: _has_begun(machines.database))
    frozen.send_signal(signal.SIGSTOP)
    await appending
    (owner,) = await machines.holders()

    machines.start()
    await append_histories(machines.store, meanwhile)
    await machines.all_handled()
    assert owner not in await machines.holders()

    appending = asyncio.create_task(append_histories(machines.store, after))
    frozen.send_signal(signal.SIGCONT)
    await appending
    await machines.shared_by([2, 2])
    await machines.all_handled()
    assert frozen.poll() is None
    assert owner in await machines.holders()
    await machines.check([*before, *meanwhile, *after])


async def _has_begun(database: Database) -> bool:
    return await database[LEDGER].find_one({}) is not None
