"""Rebuilding a read model: two workers beside one, and what commands notice of it.

``python -m benchmarks.rebuild --events 200000`` measures with as many events as are named; ``make bench``
with fewer.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.initiate import installation, load, process, ready_line
from benchmarks.payment_histories import append_payments
from benchmarks.row import Row
from benchmarks.server_process import started_mongodb
from payment_gateway.infrastructure.messaging import checkpoint
from payment_gateway.infrastructure.persistence.eventstoredb import (
    EventStoreDB,
    open_eventstoredb,
)
from payment_gateway.infrastructure.persistence.mongodb import Database, open_mongodb
from payment_gateway.settings import Settings
from projections import registry
from projections.payment_details import MODEL

EVENTS: Final = 24_000
PARTITIONS: Final = 4
ROUNDS: Final = 2
# Two workers, an event store and a MongoDB want a core each; with fewer cores they share.
CORES_WANTED: Final = 4
WANTED: Final = 1.5
REQUESTS: Final = 400
LATENCY_ROUNDS: Final = 3
# So that commands notice little of it, as an operator would on a machine that has no cores to spare.
GENTLE_RATE: Final = 200
P99_WANTED: Final = 1.2
POLL_S: Final = 0.05
BUILT_WITHIN_S: Final = 1_800.0


def run(events: int = EVENTS) -> list[Row]:
    """Measure; takes a few minutes."""
    return asyncio.run(_rows(events))


async def _rows(events: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-rebuild-") as folder:
        async with started_mongodb(Path(folder) / "mongodb") as mongodb_uri:
            rates = await _rates(Path(folder), mongodb_uri, events)
            latency = await _latency(Path(folder), mongodb_uri, events)
    return [rates, latency]


async def _rates(folder: Path, mongodb_uri: str, events: int) -> Row:
    store = ("sandbox.eventstore", "--data-dir", str(folder / "log"), "--port", "0")
    async with process(*store) as running:
        environ = {
            "GATEWAY_EVENTSTORE_URI": (await ready_line(running))["eventstore"],
            "GATEWAY_MONGODB_URI": mongodb_uri,
            "GATEWAY_MONGODB_DATABASE": "bench-rates",
        }
        async with _opened(environ) as (database, log):
            await append_payments(log, events)
            pairs = [
                (
                    await _build(database, environ, workers=2),
                    await _build(database, environ, workers=1),
                )
                for _ in range(ROUNDS)
            ]
    cores = os.cpu_count() or 1
    return Row(
        name=f"rebuild of {events:,} events, 2 workers beside 1",
        value=median(two for two, _ in pairs),
        unit="per s",
        floor=median(one for _, one in pairs),
        ratio=median(two / one for two, one in pairs),
        wanted=WANTED if cores >= CORES_WANTED else None,
    )


async def _latency(folder: Path, mongodb_uri: str, events: int) -> Row:
    """Measure the p99 of ``initiate`` during a rebuild that is held to a rate, beside without one."""
    data = folder / "gateway"
    data.mkdir()
    servers = {
        "GATEWAY_MONGODB_URI": mongodb_uri,
        "GATEWAY_MONGODB_DATABASE": "bench-latency",
    }
    pairs = []
    async with (
        installation(data, servers) as (api, _, key, read_side),
        _opened(read_side) as (database, log),
    ):
        await append_payments(log, events)
        await load(api, key, REQUESTS, 1)
        for _ in range(LATENCY_ROUNDS):
            without = (await load(api, key, REQUESTS, 1)).percentile_ms(99)
            async with _building(database, read_side, workers=1, rate=GENTLE_RATE):
                during = (await load(api, key, REQUESTS, 1)).percentile_ms(99)
            pairs.append((during, without))
    return Row(
        name=f"initiate alone, p99 during a rebuild at {GENTLE_RATE} events/s",
        value=median(during for during, _ in pairs),
        unit="ms",
        floor=median(without for _, without in pairs),
        ratio=median(during / without for during, without in pairs),
        wanted=P99_WANTED,
        at_most=True,
    )


async def _build(database: Database, environ: dict[str, str], *, workers: int) -> float:
    """Return how many events a second so many workers project, once they are at work."""
    async with _building(database, environ, workers=workers) as names:
        begun_s, before = time.perf_counter(), await _events(database, names)
        last_s, last = begun_s, before
        async with asyncio.timeout(BUILT_WITHIN_S):
            # It has come to its end when nothing has moved for a while.
            while time.perf_counter() - last_s < 2.0:
                await asyncio.sleep(POLL_S)
                now = await _events(database, names)
                if now != last:
                    last_s, last = time.perf_counter(), now
    return (last - before) / (last_s - begun_s)


@asynccontextmanager
async def _building(
    database: Database, environ: dict[str, str], *, workers: int, rate: float | None = None
) -> AsyncIterator[list[str]]:
    """Have workers build a generation, from when each partition is at work; then give it up."""
    generation = await registry.begin(database, MODEL, partitions=PARTITIONS, rate_max=rate)
    names = [generation.subscription(one) for one in range(PARTITIONS)]
    argv = ("projections.rebuild_worker", MODEL.name, str(generation.number))
    async with AsyncExitStack() as stack:
        for _ in range(workers):
            await stack.enter_async_context(
                process(*argv, environ=environ, stdin=asyncio.subprocess.PIPE)
            )
        at_work = {"_id": {"$in": names}, "events": {"$gt": 0}}
        checkpoints = database[checkpoint.COLLECTION]

        async def all_at_work() -> bool:
            return await checkpoints.count_documents(at_work) == len(names)

        await _until(all_at_work)
        yield names
        await registry.cancel(database, generation)
    await database.drop_collection(generation.collection(""))


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(BUILT_WITHIN_S):
        met = await condition()
        while not met:
            await asyncio.sleep(POLL_S)
            met = await condition()


async def _events(database: Database, names: list[str]) -> int:
    found = database[checkpoint.COLLECTION].find({"_id": {"$in": names}}, {"events": 1})
    return sum([document.get("events", 0) async for document in found])


@asynccontextmanager
async def _opened(environ: dict[str, str]) -> AsyncIterator[tuple[Database, EventStoreDB]]:
    named = {name.removeprefix("GATEWAY_").lower(): value for name, value in environ.items()}
    settings = Settings.model_validate(named)
    async with open_mongodb(settings) as database, open_eventstoredb(settings) as log:
        yield database, log


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    for row in run(parser.parse_args().events):
        print(row)
    sys.exit(0)
