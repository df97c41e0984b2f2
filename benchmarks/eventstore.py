"""Appends and reads of the embedded event store, beside a server that stores nothing.

Both servers are processes of their own and are measured in turns, so that what else the machine
does falls on both. The figures are medians over the rounds, the ratio is the median of the pairs'.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from statistics import median

from esdbclient import AsyncEventStoreDBClient, NewEvent, StreamState

from benchmarks.eventstore_floor import EVENT_DATA, EVENT_METADATA, EVENT_TYPE, PREPARED
from benchmarks.eventstore_process import started
from benchmarks.row import Row

ROUNDS = 11
# Appends of one measurement, by the number of callers that share them.
APPENDS = {1: 150, 16: 800, 64: 1280}
APPENDS_WANTED = {1: None, 16: None, 64: 0.6}
READ_EVENTS = PREPARED
READS_WANTED = 0.75
CALL_TIMEOUT_S = 30.0

Measure = Callable[[AsyncEventStoreDBClient], Awaitable[float]]


def run() -> list[Row]:
    """Measure; takes less than a minute."""
    return asyncio.run(_rows())


async def _rows() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-eventstore-") as data_dir:
        module = ["sandbox.eventstore", "--data-dir", data_dir, "--port", "0"]
        floor_module = "benchmarks.eventstore_floor"
        async with started(*module) as (store, _), started(floor_module) as (floor, _):
            rows = []
            for callers, appends in APPENDS.items():
                measure = _appends(callers, appends)
                name = f"appends, {callers} at a time"
                rows.append(await _row(name, measure, store, floor, APPENDS_WANTED[callers]))
            rows.append(await _row("events read from $all", _reads, store, floor, READS_WANTED))
            return rows


async def _row(
    name: str,
    measure: Measure,
    store: AsyncEventStoreDBClient,
    floor: AsyncEventStoreDBClient,
    wanted: float | None,
) -> Row:
    for client in (floor, store):
        await measure(client)  # the first one warms up
    pairs = []
    for number in range(ROUNDS):  # whoever is second finds a busier machine, so they take turns
        if number % 2:
            floor_value, value = await measure(floor), await measure(store)
        else:
            value, floor_value = await measure(store), await measure(floor)
        pairs.append((value, floor_value))
    return Row(
        name=name,
        value=median(value for value, _ in pairs),
        unit="per s",
        floor=median(floor_value for _, floor_value in pairs),
        ratio=median(value / floor_value for value, floor_value in pairs),
        wanted=wanted,
    )


def _appends(callers: int, appends: int) -> Measure:
    async def append_some(client: AsyncEventStoreDBClient, count: int) -> None:
        for _ in range(count):
            event = NewEvent(type=EVENT_TYPE, data=EVENT_DATA, metadata=EVENT_METADATA)
            await client.append_to_stream(
                f"payment-{uuid.uuid4()}",
                current_version=StreamState.NO_STREAM,
                events=[event],
                timeout=CALL_TIMEOUT_S,
            )

    async def measure(client: AsyncEventStoreDBClient) -> float:
        started = time.perf_counter()
        each = appends // callers
        await asyncio.gather(*(append_some(client, each) for _ in range(callers)))
        return each * callers / (time.perf_counter() - started)

    return measure


async def _reads(client: AsyncEventStoreDBClient) -> float:
    started = time.perf_counter()
    events = await client.read_all(filter_exclude=[], limit=READ_EVENTS, timeout=CALL_TIMEOUT_S)
    count = 0
    async for _ in events:
        count += 1
    assert count == READ_EVENTS, f"{count} events came, {READ_EVENTS} were asked for"
    return count / (time.perf_counter() - started)


if __name__ == "__main__":
    for row in run():
        print(row)
