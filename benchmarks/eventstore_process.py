"""A server that is measured, as a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from esdbclient import AsyncEventStoreDBClient

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0

Started = tuple[AsyncEventStoreDBClient, asyncio.subprocess.Process]


@asynccontextmanager
async def started(*module: str) -> AsyncIterator[Started]:
    """Run a module that prints its address; yield a client of it and the process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *module, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None, "a pipe was asked for"
    try:
        ready = await asyncio.wait_for(process.stdout.readline(), READY_TIMEOUT_S)
        if not ready:
            raise RuntimeError(f"{module[0]} did not start, exit code {await process.wait()}")
        client = AsyncEventStoreDBClient(json.loads(ready)["eventstore"])
        await client.connect()
        try:
            yield client, process
        finally:
            await client.close()
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()
