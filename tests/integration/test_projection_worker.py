"""Read models over a real MongoDB and the embedded event store, through crashes and outages."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr

from payment_gateway.application.ports import CommandContext, EventStoreUnavailable
from payment_gateway.infrastructure.messaging.checkpoint import LeaseLost, checkpoint_of
from payment_gateway.infrastructure.messaging.subscription import Subscription
from payment_gateway.infrastructure.persistence.eventstoredb import (
    EventStoreDB,
    open_eventstoredb,
)
from payment_gateway.infrastructure.persistence.mongodb import Database, Document, open_mongodb
from payment_gateway.settings import Settings
from projections import payment_details, worker
from projections.document_writer import DocumentWriter
from projections.generations import Generation, matching
from projections.read_model import Key, fold
from sandbox.ports import free_port
from tests.child_process import kill, launch, stop
from tests.event_store_fixture import (
    embedded_event_store_uri,
    embedded_server,
    event_store_settings,
)
from tests.integration.projection_process import LEDGER
from tests.integration.read_model_world import history
from tests.mongodb_fixture import database, mongodb_server, mongodb_settings, mongodb_uri

__all__ = ["database", "embedded_event_store_uri", "mongodb_uri"]

WAIT_S = 60.0
PAYMENTS = 150
APPENDING_AT_ONCE = 8
KILLS = int(os.environ.get("PROJECTION_KILLS", "5"))
CONTEXT = CommandContext(
    tenant_id="acme", actor="test", correlation_id="c", at=datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
)
GENERATION = Generation(model="payment_details", version=1, number=1, partitions=1)
SUBSCRIPTION = GENERATION.subscription(0)


async def append_history(store: EventStoreDB, payment_id: str) -> None:
    for revision, event in enumerate(history(payment_id, refunds=1)):
        await store.append(
            f"payment-{payment_id}",
            [event],
            expected=revision - 1 if revision else None,
            context=CONTEXT,
        )


async def append_histories(store: EventStoreDB, payment_ids: list[str]) -> None:
    """Append the histories of several payments, mixed as they come."""
    waiting = list(payment_ids)

    async def work() -> None:
        while waiting:
            await append_history(store, waiting.pop())

    await asyncio.gather(*(work() for _ in range(APPENDING_AT_ONCE)))


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not await condition():
            await asyncio.sleep(0.02)


async def folded(store: EventStoreDB, payment_id: str) -> Document:
    documents = fold(payment_details.MODEL, (await store.read(f"payment-{payment_id}")).events)
    return documents[Key(payment_id)]


async def assert_documents_are_folds(
    store: EventStoreDB, database: Database, payment_ids: list[str]
) -> None:
    collection = database[GENERATION.collection("")]
    documents = {document["_id"]: document async for document in collection.find()}
    assert documents.keys() == set(payment_ids)
    for payment_id in payment_ids:
        assert documents[payment_id] == await folded(store, payment_id)


@asynccontextmanager
async def running(
    store: EventStoreDB, database: Database
) -> AsyncGenerator[tuple[Subscription, asyncio.Task[None]], None]:
    subscription = Subscription(
        name=SUBSCRIPTION,
        matching=matching(payment_details.MODEL, GENERATION, 0),
        handler=DocumentWriter(database, payment_details.MODEL, GENERATION),
        log=store,
        database=database,
    )
    task: asyncio.Task[None] = asyncio.create_task(subscription.run())
    try:
        yield subscription, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_killed_again_and_again_it_ends_with_what_an_undisturbed_fold_says(
    tmp_path: Path, mongodb_uri: str, database: Database
) -> None:
    seed = random.SystemRandom().randrange(10**9)
    print(f"seed {seed}")
    chance = random.Random(seed)
    payment_ids = [str(uuid4()) for _ in range(PAYMENTS)]
    argv = (sys.executable, "-m", "tests.integration.projection_process")
    with embedded_server(tmp_path / "events") as uri:
        env = {
            "GATEWAY_EVENTSTORE_URI": uri,
            "GATEWAY_MONGODB_URI": mongodb_uri,
            "GATEWAY_MONGODB_DATABASE": database.name,
        }
        async with open_eventstoredb(event_store_settings(uri)) as store:
            appending = asyncio.create_task(append_histories(store, payment_ids))
            for _ in range(KILLS):
                before = await checkpoint_of(database, SUBSCRIPTION)
                process = launch(argv, log=tmp_path / "worker.log", env=env)
                try:
                    if not appending.done() or before < await store.head():
                        await until_past(database, before)
                    await asyncio.sleep(chance.uniform(0, 0.1))
                finally:
                    await asyncio.to_thread(kill, process)
            await appending

            head = await store.head()
            process = launch(argv, log=tmp_path / "worker.log", env=env)
            try:
                await until(lambda: _is_at(database, head))
            finally:
                await asyncio.to_thread(stop, process)
            await assert_documents_are_folds(store, database, payment_ids)

    ledger = await database[LEDGER].find().to_list(None)
    assert [entry["times"] for entry in ledger] == [1] * (PAYMENTS * 6)
    assert await database["parked_events"].count_documents({}) == 0


async def until_past(database: Database, position: int) -> None:
    await until(lambda: _is_at(database, position + 1))


async def _is_at(database: Database, position: int) -> bool:
    return await checkpoint_of(database, SUBSCRIPTION) >= position


async def test_of_two_workers_on_one_name_only_the_later_one_goes_on(
    tmp_path: Path, database: Database
) -> None:
    payment_ids = [str(uuid4()) for _ in range(20)]
    with embedded_server(tmp_path / "events") as uri:
        async with open_eventstoredb(event_store_settings(uri)) as store:
            async with running(store, database) as (first, first_task):
                await until(lambda: _is_live(first))
                async with running(store, database) as (second, _):
                    await until(lambda: _is_live(second))
                    await append_histories(store, payment_ids)
                    await until(lambda: _has_handled(second, 120))
                    await asyncio.wait({first_task}, timeout=WAIT_S)
            assert isinstance(first_task.exception(), LeaseLost)
            assert first.status.events == 0
            await assert_documents_are_folds(store, database, payment_ids)


async def _is_live(subscription: Subscription) -> bool:
    return subscription.status.is_live


async def _has_handled(subscription: Subscription, events: int) -> bool:
    return subscription.status.events == events


async def test_goes_on_when_the_event_store_comes_back(tmp_path: Path, database: Database) -> None:
    before, after, port = str(uuid4()), str(uuid4()), free_port()
    settings = event_store_settings(f"esdb://127.0.0.1:{port}?Tls=false")
    async with open_eventstoredb(settings) as store, running(store, database) as (followed, _):
        with embedded_server(tmp_path / "events", port=port):
            await _append_when_possible(store, before)
            await until(lambda: _has_handled(followed, 6))
        await until(lambda: _is_reconnecting(followed))
        with embedded_server(tmp_path / "events", port=port):
            await _append_when_possible(store, after)
            await until(lambda: _has_handled(followed, 12))
            await assert_documents_are_folds(store, database, [before, after])
    assert followed.status.failures >= 1


async def _append_when_possible(store: EventStoreDB, payment_id: str) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while time.monotonic() < deadline_s:
        try:
            await store.head()
        except EventStoreUnavailable:
            await asyncio.sleep(0.05)
        else:
            break
    await append_history(store, payment_id)


async def _is_reconnecting(subscription: Subscription) -> bool:
    return subscription.status.state == "reconnecting"


async def test_goes_on_when_mongodb_comes_back(
    tmp_path: Path, embedded_event_store_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "payment_gateway.infrastructure.persistence.mongodb.SERVER_SELECTION_TIMEOUT_MS", 300
    )
    port, payment_id = free_port(), str(uuid4())
    settings = event_store_settings(embedded_event_store_uri)
    async with open_eventstoredb(settings) as store:
        with mongodb_server(tmp_path / "mongodb", port) as uri:
            async with open_mongodb(mongodb_settings(uri, "outage")) as database:
                async with running(store, database) as (followed, _):
                    await until(lambda: _is_live(followed))
                position = followed.status.position
        async with (
            open_mongodb(mongodb_settings(uri, "outage")) as database,
            running(store, database) as (followed, _),
        ):
            await append_history(store, payment_id)
            await until(lambda: _is_reconnecting(followed))
            with mongodb_server(tmp_path / "mongodb", port):
                await until(lambda: _has_handled(followed, 6))
                document = await database[GENERATION.collection("")].find_one({"_id": payment_id})
                assert document == await folded(store, payment_id)
                assert followed.status.position > position


class TestRun:
    async def test_installs_its_indexes_follows_the_log_and_says_so(
        self, embedded_event_store_uri: str, mongodb_uri: str, database: Database
    ) -> None:
        settings = Settings(
            eventstore_uri=SecretStr(embedded_event_store_uri),
            mongodb_uri=SecretStr(mongodb_uri),
            mongodb_database=database.name,
        )
        told: list[worker.Ready] = []

        async def serve_health(ready: worker.Ready) -> None:
            told.append(ready)
            await asyncio.Event().wait()

        async def is_ready() -> bool:
            return bool(told) and told[0]()[0]

        task = asyncio.create_task(worker.run(settings, serve_health=serve_health))
        try:
            await until(is_ready)
            details = told[0]()[1]
            assert set(details) == {f"{name}_g1.0" for name in worker.READ_MODELS}
        finally:
            task.cancel()
            await asyncio.wait({task}, timeout=WAIT_S)
        assert task.cancelled()
        assert not told[0]()[0]
        indexes = await database[GENERATION.collection("")].index_information()
        assert {"questions", "provider_status", "provider_changed"} <= indexes.keys()

    async def test_a_name_that_is_no_read_model_is_refused(self) -> None:
        with pytest.raises(worker.UnknownReadModel, match="there are: payment_details"):
            await worker.run(Settings(), ["nonsense"])
