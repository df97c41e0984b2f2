"""What the size of the log costs: ``python -m benchmarks.eventstore_size``, some minutes.

A small and a large event store run side by side and are measured in turns. Then the large one is
killed and started again, read whole and through filters that want little of it, and followed by
many subscribers while it is written to.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

from esdbclient import AsyncEventStoreDBClient, NewEvent, StreamState

from benchmarks.eventstore_floor import EVENT_DATA, EVENT_METADATA
from benchmarks.eventstore_process import started
from sandbox.eventstore.data_dir import DATABASE_FILE
from sandbox.eventstore.database import open_writer
from sandbox.eventstore.log_writer import LogWriter
from sandbox.eventstore.writes import NO_STREAM, Append, ProposedEvent

SMALL_EVENTS = 1_000
LARGE_EVENTS = 1_000_000
SOAK_S = 60.0
SUBSCRIBERS = 20
SOAK_APPENDS_PER_S = 50
CACHE_FILLING_APPENDS = 40_000
ROUNDS = 5
CALLS_PER_ROUND = 100
EVENTS_PER_STREAM = 5
RARE_EVENTS = 10
EVENTS_PER_TRANSACTION = 5_000
CALL_TIMEOUT_S = 300.0
MIB = 1024 * 1024
TYPES = ("PaymentInitiated", "CheckoutCreated", "CaptureRequested", "PaymentCompleted", "Refunded")

Measure = Callable[[AsyncEventStoreDBClient], Awaitable[float]]


def seed(data_dir: Path, events: int) -> list[str]:
    """Fill an event store without a server, and return the names of its streams."""
    data_dir.mkdir(parents=True)
    streams: list[str] = []
    with closing(open_writer(data_dir / DATABASE_FILE)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        log = LogWriter(connection)
        every = max(1, events // EVENTS_PER_STREAM // (RARE_EVENTS // EVENTS_PER_STREAM))
        while log.position < events:
            connection.execute("BEGIN IMMEDIATE")
            for _ in range(EVENTS_PER_TRANSACTION // EVENTS_PER_STREAM):
                rare = len(streams) % every == every // 2
                name = f"{'rare' if rare else 'payment'}-{uuid.uuid4()}"
                streams.append(name)
                log.apply(Append(name, NO_STREAM, tuple(_events(rare=rare))))
                if log.position >= events:
                    break
            log.flush()
            connection.execute("COMMIT")
            log.stored.clear()
    return streams


def _events(*, rare: bool) -> list[ProposedEvent]:
    return [
        ProposedEvent(
            uuid.uuid4().bytes, "Rare" if rare else event_type, True, EVENT_DATA, EVENT_METADATA
        )
        for event_type in TYPES
    ]


def resident_mib(pid: int) -> float:
    """Return the memory of a process that is in RAM, in MiB (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / MIB
    raise RuntimeError(f"process {pid} does not tell its memory")


async def _append_p50_ms(client: AsyncEventStoreDBClient) -> float:
    async def append() -> None:
        event = NewEvent(type=TYPES[0], data=EVENT_DATA, metadata=EVENT_METADATA)
        await client.append_to_stream(
            f"payment-{uuid.uuid4()}", current_version=StreamState.NO_STREAM, events=[event]
        )

    return await _p50_ms(append)


def _stream_read_p50_ms(streams: list[str]) -> Measure:
    """Read streams from all over the log."""
    step = max(1, len(streams) // CALLS_PER_ROUND)
    spread = streams[::step]
    at = 0

    async def measure(client: AsyncEventStoreDBClient) -> float:
        async def read() -> None:
            nonlocal at
            at += 1
            events = await client.get_stream(spread[at % len(spread)])
            assert len(events) == EVENTS_PER_STREAM

        return await _p50_ms(read)

    return measure


async def _p50_ms(call: Callable[[], Awaitable[None]]) -> float:
    times = []
    for _ in range(CALLS_PER_ROUND):
        began = time.perf_counter()
        await call()
        times.append((time.perf_counter() - began) * 1000)
    return median(times)


async def _compared(
    name: str,
    small: tuple[AsyncEventStoreDBClient, Measure],
    large: tuple[AsyncEventStoreDBClient, Measure],
) -> None:
    pairs = [(await small[1](small[0]), await large[1](large[0])) for _ in range(ROUNDS)]
    ratio = median(b / a for a, b in pairs)
    _say(f"{name}, p50 ms: {median(a for a, _ in pairs):.2f} small", "")
    _say(f"{name}, p50 ms: {median(b for _, b in pairs):.2f} large", f"x {ratio:.2f} (<= 1.2)")


async def _read_s(client: AsyncEventStoreDBClient, **options: Any) -> tuple[float, int]:
    began = time.perf_counter()
    count = 0
    async for _ in await client.read_all(timeout=CALL_TIMEOUT_S, **options):
        count += 1
    return time.perf_counter() - began, count


async def _filters(client: AsyncEventStoreDBClient) -> None:
    whole_s, count = await _read_s(client, filter_exclude=[])
    _say(f"read of all {count:,} events: {whole_s:.1f} s", f"{count / whole_s:,.0f} per s")
    for name, options in (
        ("a rare type", {"filter_include": ["Rare"]}),
        ("a rare category", {"filter_include": ["rare-.+"], "filter_by_stream_name": True}),
        ("a name anywhere", {"filter_include": [".*are-.+"], "filter_by_stream_name": True}),
    ):
        seconds, found = await _read_s(client, **options)
        _say(
            f"filter by {name}: {found} events in {seconds * 1000:.1f} ms",
            f"1/{whole_s / seconds:,.0f} of reading all",
        )


async def _append_some(client: AsyncEventStoreDBClient, count: int) -> None:
    for _ in range(count):
        event = NewEvent(type=TYPES[0], data=EVENT_DATA, metadata=EVENT_METADATA)
        await client.append_to_stream(
            f"payment-{uuid.uuid4()}", current_version=StreamState.NO_STREAM, events=[event]
        )


async def _soak(client: AsyncEventStoreDBClient, pid: int, soak_s: float) -> None:
    """Follow the end of the log with many subscribers while it is written to.

    The server's caches are filled before, so that what still grows is not them.
    """
    await asyncio.gather(*(_append_some(client, CACHE_FILLING_APPENDS // 64) for _ in range(64)))
    received = [0] * SUBSCRIBERS

    async def follow(number: int) -> None:
        async with await client.subscribe_to_all(from_end=True) as subscription:
            async for _ in subscription:
                received[number] += 1

    followers = [asyncio.create_task(follow(number)) for number in range(SUBSCRIBERS)]
    began, appended, first = time.monotonic(), 0, resident_mib(pid)
    while (elapsed := time.monotonic() - began) < soak_s:
        await _append_p50_ms(client)
        appended += CALLS_PER_ROUND
        await asyncio.sleep(max(0.0, appended / SOAK_APPENDS_PER_S - elapsed))
    last = resident_mib(pid)
    for follower in followers:
        follower.cancel()
    await asyncio.gather(*followers, return_exceptions=True)
    _say(
        f"{SUBSCRIBERS} subscribers, {appended} appends in {soak_s:.0f} s: {min(received)} to "
        f"{max(received)} received",
        f"{first:.0f} -> {last:.0f} MiB",
    )


async def measure(events: int, soak_s: float) -> None:
    """Print one line for each thing that is measured."""
    with tempfile.TemporaryDirectory(prefix="bench-eventstore-") as folder:
        small_dir, large_dir = Path(folder, "small"), Path(folder, "large")
        began = time.perf_counter()
        small_streams, large_streams = seed(small_dir, SMALL_EVENTS), seed(large_dir, events)
        size = (large_dir / DATABASE_FILE).stat().st_size
        _say(
            f"{events:,} events stored in {time.perf_counter() - began:.0f} s",
            f"{size / events:,.0f} bytes each",
        )
        small_module = ("sandbox.eventstore", "--data-dir", str(small_dir), "--port", "0")
        large_module = ("sandbox.eventstore", "--data-dir", str(large_dir), "--port", "0")
        async with started(*small_module) as (small, _):
            began = time.perf_counter()
            async with started(*large_module) as (large, process):
                _say("start", f"{time.perf_counter() - began:.2f} s")
                await _compared("append", (small, _append_p50_ms), (large, _append_p50_ms))
                await _compared(
                    "read of a stream",
                    (small, _stream_read_p50_ms(small_streams)),
                    (large, _stream_read_p50_ms(large_streams)),
                )
                await _filters(large)
                _say("memory after all that", f"{resident_mib(process.pid):.0f} MiB (<= 200)")
                process.kill()
                await process.wait()
        began = time.perf_counter()
        async with started(*large_module) as (large, process):
            _say("start after kill -9", f"{time.perf_counter() - began:.2f} s")
            await _soak(large, process.pid, soak_s)


def _say(what: str, figure: str) -> None:
    print(f"{what:<70} {figure}", flush=True)


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=LARGE_EVENTS, help="in the large store")
    parser.add_argument("--soak-seconds", type=float, default=SOAK_S)
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.events, arguments.soak_seconds))


if __name__ == "__main__":
    main()
