"""Whether a worker's memory stays where it is: ``make bench-projections-memory``, some minutes.

A worker as ``projections run`` starts it catches up with a long log. Its resident memory is looked at
after each tenth of it. What the first tenths need (pools, caches, the largest batch) is not growth.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from esdbclient import AsyncEventStoreDBClient
from pydantic import SecretStr

from benchmarks.eventstore_process import started
from benchmarks.eventstore_size import resident_mib
from benchmarks.payment_log import EVENTS_PER_PAYMENT, write_payments
from benchmarks.server_process import started_mongodb
from payment_gateway.infrastructure.messaging.checkpoint import checkpoint_of
from payment_gateway.infrastructure.persistence.mongodb import Database, open_mongodb
from payment_gateway.settings import Settings
from projections.payment_details import MODEL

EVENTS: Final = 1_000_000
LOOKS: Final = 10
WARM_LOOKS: Final = 3
# From the third tenth to the last; the allocator's own ups and downs are below this.
GROWTH_MIB_MAX: Final = 16.0
POLL_S: Final = 0.05
TENTH_WITHIN_S: Final = 600.0


def main() -> None:
    """Print memory and rate after each tenth; exit code 1 if memory grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    events: int = parser.parse_args().events
    looks = asyncio.run(_run(events))
    growth = looks[-1] - looks[WARM_LOOKS - 1]
    print(f"growth after the first {WARM_LOOKS} tenths: {growth:.1f} MiB, allowed {GROWTH_MIB_MAX}")
    if growth > GROWTH_MIB_MAX:
        raise SystemExit(1)


async def _run(events: int) -> list[float]:
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as folder:
        data_dir = Path(folder) / "events"
        written = write_payments(data_dir, events // EVENTS_PER_PAYMENT)
        module = ["sandbox.eventstore", "--data-dir", str(data_dir), "--port", "0"]
        async with started(*module) as (client, _), started_mongodb(Path(folder) / "db") as uri:
            settings = Settings(mongodb_uri=SecretStr(uri), mongodb_database="bench_memory")
            async with open_mongodb(settings) as database:
                return await _watch(client, database, uri, written)


async def _watch(
    client: AsyncEventStoreDBClient, database: Database, uri: str, events: int
) -> list[float]:
    head = await client.get_commit_position(filter_exclude=[])
    environment = {
        **os.environ,
        "GATEWAY_EVENTSTORE_URI": client.connection_spec.uri,
        "GATEWAY_MONGODB_URI": uri,
        "GATEWAY_MONGODB_DATABASE": database.name,
    }
    arguments = ("-m", "payment_gateway", "projections", "run", MODEL.name)
    worker = await asyncio.create_subprocess_exec(sys.executable, *arguments, env=environment)
    looks = []
    try:
        begun_s = time.perf_counter()
        for look in range(1, LOOKS + 1):
            await _until_at(database, head * look // LOOKS)
            looks.append(resident_mib(worker.pid))
            rate = events * look / LOOKS / (time.perf_counter() - begun_s)
            print(f"{events * look // LOOKS:>9,} events: {looks[-1]:6.1f} MiB, {rate:,.0f} per s")
    finally:
        worker.terminate()
        await worker.wait()
    return looks


async def _until_at(database: Database, position: int) -> None:
    async with asyncio.timeout(TENTH_WITHIN_S):
        # It is another process that gets there, so there is nothing to wait on but its checkpoint.
        while await checkpoint_of(database, f"{MODEL.name}_g1.0") < position:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)


if __name__ == "__main__":
    main()
