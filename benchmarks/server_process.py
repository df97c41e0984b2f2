"""Servers that are measured, each as a process of its own: MongoDB, Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from sandbox.mongo import mongod, mongodb_uri
from sandbox.part import PartSpec, Poll
from sandbox.ports import free_port
from sandbox.redis import redis_url, valkey

READY_WITHIN_S: Final = 60.0
STOP_WITHIN_S: Final = 20.0
POLL_S: Final = 0.1


@asynccontextmanager
async def started_mongodb(folder: Path) -> AsyncIterator[str]:
    """Run a server that keeps its data in the folder; yield its URI once it takes transactions."""
    await asyncio.to_thread(folder.mkdir)
    port = free_port()
    async with _started(mongod(folder, port), "--logpath", str(folder.with_suffix(".log"))):
        yield mongodb_uri(port)


@asynccontextmanager
async def started_redis(folder: Path) -> AsyncIterator[str]:
    """Run a Valkey server; yield its URL once it answers."""
    await asyncio.to_thread(folder.mkdir)
    port = free_port()
    async with _started(valkey(folder, port)):
        yield redis_url(port)


@asynccontextmanager
async def _started(part: PartSpec, *more: str) -> AsyncIterator[None]:
    assert isinstance(part.ready, Poll), f"{part.name} is asked whether it is ready"
    process = await asyncio.create_subprocess_exec(
        *part.argv, *more, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        deadline_s = time.monotonic() + READY_WITHIN_S
        while not await part.ready.ask():
            if time.monotonic() > deadline_s or process.returncode is not None:
                raise RuntimeError(f"{part.name} did not start")
            await asyncio.sleep(POLL_S)
        yield
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_WITHIN_S)
        except TimeoutError:
            process.kill()
            await process.wait()
