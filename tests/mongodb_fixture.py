"""A real MongoDB server for tests, and a database of its own for each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr
from pymongo.errors import ExecutionTimeout

from payment_gateway.infrastructure.persistence.mongodb import Database, open_mongodb
from payment_gateway.settings import Settings
from sandbox import mongo
from sandbox.part import Poll
from sandbox.ports import free_port
from tests.child_process import READY_WITHIN_S, running

DROPPED_WITHIN_MS = 3_000


@contextmanager
def mongodb_server(folder: Path, port: int, *options: str) -> Generator[str, None, None]:
    """Yield the URI of a server that keeps its data in the folder, once it takes writes."""
    folder.mkdir(exist_ok=True)
    part = mongo.mongod(folder, port)
    log = folder.with_suffix(".log")
    argv = (*part.argv, *options, "--logpath", str(log))
    assert isinstance(part.ready, Poll)
    with running(argv, log=folder.with_suffix(".stderr")) as process:
        deadline = time.monotonic() + READY_WITHIN_S
        with ThreadPoolExecutor(1) as thread:
            while not thread.submit(_ask, part.ready).result():
                assert process.poll() is None, log.read_text()[-2000:]
                assert time.monotonic() < deadline, "mongod was not ready in time"
                time.sleep(0.05)
        yield mongo.mongodb_uri(port)


def _ask(poll: Poll) -> bool:
    async def ask() -> bool:
        return await poll.ask()

    return asyncio.run(ask())


@pytest.fixture(scope="session")
def mongodb_uri(tmp_path_factory: pytest.TempPathFactory) -> Generator[str, None, None]:
    with mongodb_server(tmp_path_factory.mktemp("mongodb") / "data", free_port()) as uri:
        yield uri


def mongodb_settings(uri: str, database: str) -> Settings:
    return Settings(mongodb_uri=SecretStr(uri), mongodb_database=database)


@pytest.fixture
async def database(mongodb_uri: str) -> AsyncGenerator[Database, None]:
    """Yield an empty database that is dropped afterwards."""
    name = f"test-{uuid4().hex[:12]}"
    async with open_mongodb(mongodb_settings(mongodb_uri, name)) as opened:
        yield opened
        await _drop(opened)


async def _drop(database: Database) -> None:
    """Drop it, though a process was killed that had a transaction under way: it is kept for a minute."""
    try:
        await database.command("dropDatabase", maxTimeMS=DROPPED_WITHIN_MS)
    except ExecutionTimeout:
        await database.client.admin.command("killAllSessions", [])
        await database.command("dropDatabase")
