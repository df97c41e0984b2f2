"""Runs the embedded event store as a process of its own, and speaks to any event store."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from esdbclient import AsyncEventStoreDBClient, EventStoreDBClient, NewEvent
from esdbclient.exceptions import EventStoreDBClientException

from tests.child_process import Child, launch, ready_line

STOP_TIMEOUT_S = 15.0
# How long any one answer of a server may take in a test.
ANSWER_TIMEOUT_S = 20.0
POLL_INTERVAL_S = 0.05


class EventStoreProcess:
    """The embedded event store on a folder; can be killed and started again."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._process: Child | None = None
        self.uri = ""

    def start(self, port: int = 0) -> None:
        """Start it and wait until it says that it is ready."""
        command = [sys.executable, "-m", "sandbox.eventstore"]
        arguments = ["--data-dir", str(self._data_dir), "--port", str(port)]
        log = self._data_dir.with_name(f"{self._data_dir.name}.log")
        self._process = launch([*command, *arguments], log=log)
        self.uri = ready_line(self._process, log)["eventstore"]

    @property
    def pid(self) -> int:
        """The process id while it runs."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> int:
        """Ask it to stop, as an operator would, and return its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._ended()

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._ended()

    def _ended(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        code = self._process.wait(STOP_TIMEOUT_S)
        self._process.stdout.close()
        return code


@contextmanager
def event_store_process(data_dir: Path) -> Iterator[EventStoreProcess]:
    """Run the embedded event store until the block ends."""
    process = EventStoreProcess(data_dir)
    try:
        process.start()
        yield process
    finally:
        process.kill()


class Caller:
    """Calls a client of either kind from a coroutine, so that one test serves both."""

    def __init__(self, client: EventStoreDBClient | AsyncEventStoreDBClient) -> None:
        self._client = client

    async def __call__(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the client by its name."""
        call = getattr(self._client, method)
        if isinstance(self._client, EventStoreDBClient):
            return await asyncio.wait_for(
                asyncio.to_thread(call, *args, **kwargs), ANSWER_TIMEOUT_S
            )
        return await asyncio.wait_for(call(*args, **kwargs), ANSWER_TIMEOUT_S)

    async def call(self, method: Callable[..., Any], *args: Any) -> None:
        """Call a method of a subscription."""
        if isinstance(self._client, EventStoreDBClient):
            await asyncio.to_thread(method, *args)
        else:
            await method(*args)

    async def collect(self, subscription: Any, into: list[Any]) -> None:
        """Append what a subscription brings to a list until the server ends it."""
        with suppress(EventStoreDBClientException):
            while taken := await self.take(subscription, 1):
                into.extend(taken)

    async def take(self, responses: Any, count: int) -> list[Any]:
        """Return the next few of a read or of a subscription."""
        if isinstance(self._client, EventStoreDBClient):
            taken = asyncio.to_thread(lambda: list(islice(responses, count)))
            return await asyncio.wait_for(taken, ANSWER_TIMEOUT_S)
        return await asyncio.wait_for(_taken(responses, count), ANSWER_TIMEOUT_S)

    async def all_of(self, responses: Any) -> list[Any]:
        """Return everything of a read that ends."""
        return await self.take(responses, sys.maxsize)

    async def stop(self, responses: Any) -> None:
        """End a subscription."""
        if isinstance(self._client, EventStoreDBClient):
            await asyncio.to_thread(responses.stop)
        else:
            await responses.stop()

    async def close(self) -> None:
        """Close the client."""
        if isinstance(self._client, EventStoreDBClient):
            await asyncio.to_thread(self._client.close)
        else:
            await self._client.close()


async def _taken(responses: Any, count: int) -> list[Any]:
    taken: list[Any] = []
    while len(taken) < count:
        try:
            taken.append(await anext(responses))
        except StopAsyncIteration:
            break
    return taken


async def connect(kind: str, uri: str) -> Caller:
    """Return a caller over a ``sync`` or an ``async`` client."""
    if kind == "sync":
        return Caller(await asyncio.to_thread(EventStoreDBClient, uri))
    client = AsyncEventStoreDBClient(uri)
    await client.connect()
    return Caller(client)


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition, and fail if it does not come true in time."""
    for _ in range(int(ANSWER_TIMEOUT_S / POLL_INTERVAL_S)):
        if await condition():
            return
        await asyncio.sleep(POLL_INTERVAL_S)
    raise AssertionError("what was waited for did not happen in time")


def new_stream(category: str = "order") -> str:
    """Return a name that no other test uses."""
    return f"{category}-{uuid4()}"


def new_events(count: int, event_type: str = "OrderPlaced") -> list[NewEvent]:
    """Return events that differ in their data."""
    return [NewEvent(type=event_type, data=b'{"n":%d}' % n) for n in range(count)]
