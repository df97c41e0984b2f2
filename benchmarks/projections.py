"""How fast a read model catches up, beside reading the same events and throwing them away.

Event store and MongoDB are processes of their own. The events are read by a catch-up subscription with
the same filter in each case. Figures are medians over the rounds, ratios medians of the rounds' ratios.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path
from statistics import median
from typing import Final

from esdbclient import AsyncEventStoreDBClient
from pydantic import SecretStr

from benchmarks.eventstore_process import started
from benchmarks.payment_log import write_payments
from benchmarks.row import Row
from benchmarks.server_process import started_mongodb
from payment_gateway.infrastructure.messaging.checkpoint import Checkpoints
from payment_gateway.infrastructure.messaging.subscription import Subscription
from payment_gateway.infrastructure.persistence.event_log import (
    CaughtUp,
    RecordedEvent,
    StreamFilter,
)
from payment_gateway.infrastructure.persistence.eventstoredb import EventStoreDB
from payment_gateway.infrastructure.persistence.mongodb import (
    Database,
    open_mongodb,
    open_session,
    transaction,
)
from payment_gateway.settings import Settings
from projections import payment_details
from projections.document_writer import DocumentWriter
from projections.generations import Generation, matching

ROUNDS: Final = 5
PAYMENTS: Final = 6_000
SINGLE_EVENTS: Final = 400
READS_WANTED: Final = 0.8
SINGLE_WANTED: Final = 15.0
TIMEOUT_S: Final = 120.0
MODEL: Final = payment_details.MODEL


def run() -> list[Row]:
    """Measure; takes about a minute."""
    return asyncio.run(_rows())


async def _rows() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-projections-") as folder:
        data_dir = Path(folder) / "events"
        events = write_payments(data_dir, PAYMENTS)
        module = ["sandbox.eventstore", "--data-dir", str(data_dir), "--port", "0"]
        async with started(*module) as (client, _), started_mongodb(Path(folder) / "db") as uri:
            store = EventStoreDB(client, timeout_s=TIMEOUT_S)
            await _bare(client, events)  # the first one warms up
            rounds = []
            for number in range(ROUNDS):
                bare = await _bare(client, events)
                async with _database(uri, f"round{number}") as database:
                    singly = await _singly(store, database, number)
                    caught_up = await _catch_up(store, database, events)
                rounds.append((bare, caught_up, singly))
    return [
        Row(
            name="events into payment_details, beside reading them",
            value=median(caught_up for _, caught_up, _ in rounds),
            unit="per s",
            floor=median(bare for bare, _, _ in rounds),
            ratio=median(caught_up / bare for bare, caught_up, _ in rounds),
            wanted=READS_WANTED,
        ),
        Row(
            name="the same, beside one transaction per event",
            value=median(caught_up for _, caught_up, _ in rounds),
            unit="per s",
            floor=median(singly for _, _, singly in rounds),
            ratio=median(caught_up / singly for _, caught_up, singly in rounds),
            wanted=SINGLE_WANTED,
        ),
    ]


def _database(uri: str, name: str) -> AbstractAsyncContextManager[Database]:
    return open_mongodb(Settings(mongodb_uri=SecretStr(uri), mongodb_database=f"bench_{name}"))


def _generation(number: int) -> Generation:
    return Generation(model=MODEL.name, version=MODEL.version, number=number, partitions=1)


def _filter() -> StreamFilter:
    return matching(MODEL, _generation(1), 0)


async def _bare(client: AsyncEventStoreDBClient, events: int) -> float:
    """Read the events as the client hands them out, and do nothing with them."""
    begun_s = time.perf_counter()
    subscription = await client.subscribe_to_all(
        filter_include=[_filter().pattern], filter_by_stream_name=True, include_caught_up=True
    )
    seen = 0
    async for event in subscription:
        if event.is_caught_up:
            break
        seen += 1
    took_s = time.perf_counter() - begun_s
    await subscription.stop()
    assert seen == events, f"{seen} events came of {events}"
    return events / took_s


async def _catch_up(store: EventStoreDB, database: Database, events: int) -> float:
    writer = DocumentWriter(database, MODEL, _generation(1))
    await writer.install()
    subscription = Subscription(
        name="bench",
        matching=_filter(),
        types=MODEL.events,
        handler=writer,
        log=store,
        database=database,
    )
    begun_s = time.perf_counter()
    task: asyncio.Task[None] = asyncio.create_task(subscription.run())
    async with asyncio.timeout(TIMEOUT_S):
        while not subscription.status.is_live:  # noqa: ASYNC110 - what is measured tells nobody
            await asyncio.sleep(0.01)
    took_s = time.perf_counter() - begun_s
    task.cancel()
    await asyncio.wait({task}, timeout=TIMEOUT_S)
    assert subscription.status.events == events, f"{subscription.status}"
    return events / took_s


async def _singly(store: EventStoreDB, database: Database, number: int) -> float:
    """Write each event and its position in a transaction of its own."""
    writer = DocumentWriter(database, MODEL, _generation(2 + number))
    await writer.install()
    checkpoints = Checkpoints(database)
    events = [event async for event in _first(store, SINGLE_EVENTS)]
    async with open_session(database) as session:
        lease = await checkpoints.take("bench-singly", session)
        at = await checkpoints.position(lease)
        begun_s = time.perf_counter()
        for event in events:
            async with transaction(session):
                await checkpoints.advance(lease, at=at, to=event.position)
                await writer([event], session)
            at = event.position
        return len(events) / (time.perf_counter() - begun_s)


async def _first(store: EventStoreDB, count: int) -> AsyncGenerator[RecordedEvent, None]:
    async with aclosing(store.subscribe(_filter(), after=0)) as items:
        async for item in items:
            if isinstance(item, CaughtUp) or count == 0:
                return
            if isinstance(item, RecordedEvent):
                count -= 1
                yield item


if __name__ == "__main__":
    for row in run():
        print(row)
