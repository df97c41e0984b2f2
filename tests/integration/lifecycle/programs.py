"""Programs that a test stops, freezes and starts again, on the same port and the same data."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from sandbox.mongo import mongod
from sandbox.part import Poll
from sandbox.ports import free_port
from sandbox.redis import valkey
from tests.child_process import Child, kill, launch, stop

POLL_S: Final = 0.1
# Six processes at once on a busy machine.
READY_WITHIN_S: Final = 180.0
STOPPED_WITHIN_S: Final = 45.0


@dataclass
class Program:
    """One program; not running until it is started.

    Attributes:
        argv: How it is started, each time.
        log: Where its output goes.
        is_ready: Whether it can do its work.
        env: What its environment has beside that of the test.
    """

    argv: Sequence[str]
    log: Path
    is_ready: Callable[[], Awaitable[bool]]
    env: Mapping[str, str] = field(default_factory=dict)
    _process: Child | None = None

    @property
    def process(self) -> Child:
        assert self._process is not None, "it was not started"
        return self._process

    async def start(self) -> None:
        """Start it, and wait until it is ready."""
        self.close()
        self._process = launch(self.argv, log=self.log, env=self.env)
        await self.ready()

    async def ready(self) -> None:
        """Wait until it is ready."""
        deadline = time.monotonic() + READY_WITHIN_S
        while not await self.is_ready():
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            assert time.monotonic() < deadline, f"not ready: {self.log.read_text()[-2000:]}"
            await asyncio.sleep(POLL_S)

    async def terminated(self) -> float:
        """Tell it to stop; return how many seconds that took. Its exit code must be 0."""
        began = time.monotonic()
        self.process.terminate()
        code = await asyncio.to_thread(self.process.wait, STOPPED_WITHIN_S)
        assert code == 0, self.log.read_text()[-2000:]
        return time.monotonic() - began

    async def restart(self) -> None:
        """Stop it as an operator does, and start it again."""
        await self.terminated()
        await self.start()

    def freeze(self) -> None:
        """Have it do nothing, while its connections stay open."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it without asking."""
        kill(self.process)

    def close(self) -> None:
        """See to it that it does not run."""
        if self._process is not None:
            self._process.send_signal(
                signal.SIGCONT
            )  # frozen, it would not hear that it is to stop
            stop(self._process)


@contextmanager
def closed_afterwards(programs: Sequence[Program]) -> Generator[None, None, None]:
    """Let none of them outlive the block; the last one started is stopped first."""
    try:
        yield
    finally:
        for program in reversed(programs):
            program.close()


def mongodb(folder: Path, port: int) -> Program:
    """Return a replica set of one."""
    folder.mkdir()
    part = mongod(folder, port)
    assert isinstance(part.ready, Poll)
    log = folder.with_suffix(".log")
    # Not to its standard output, a pipe that nobody reads.
    argv = (*part.argv, "--logpath", str(log))
    return Program(argv=argv, log=log, is_ready=part.ready.ask)


def redis(folder: Path, port: int) -> Program:
    """Return a Valkey server."""
    folder.mkdir()
    return Program(
        argv=valkey(folder, port).argv,
        log=folder.with_suffix(".log"),
        is_ready=lambda: _listens(port),
    )


def event_store(folder: Path, port: int) -> Program:
    """Return an embedded event store."""
    folder.mkdir()
    argv = (sys.executable, "-m", "sandbox.eventstore", "--data-dir", str(folder))
    return Program(
        argv=(*argv, "--port", str(port)),
        log=folder.with_suffix(".log"),
        is_ready=lambda: _listens(port),
    )


def provider(name: str, folder: Path, port: int) -> Program:
    """Return a simulator of a provider, which keeps its books on the disk."""
    argv = (sys.executable, "-m", "sandbox.providers", name, "--data-dir", str(folder))
    return Program(
        argv=(*argv, "--port", str(port)),
        log=folder / f"{name}.log",
        is_ready=lambda: answers_200(f"http://127.0.0.1:{port}/_control/ledger"),
    )


def api(folder: Path, port: int, env: Mapping[str, str]) -> Program:
    """Return an API process."""
    return Program(
        argv=(sys.executable, "-m", "payment_gateway", "serve", "--port", str(port)),
        log=folder / f"api-{port}.log",
        env=env,
        is_ready=lambda: answers_200(f"http://127.0.0.1:{port}/readyz"),
    )


def worker(folder: Path, name: str, command: Sequence[str], env: Mapping[str, str]) -> Program:
    """Return a process of reactors or of read models."""
    port = free_port()
    return Program(
        argv=(sys.executable, "-m", "payment_gateway", *command),
        log=folder / f"{name}.log",
        env={**env, "GATEWAY_HEALTH_PORT": str(port)},
        is_ready=lambda: answers_200(f"http://127.0.0.1:{port}/readyz"),
    )


async def answers_200(url: str) -> bool:
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=5, verify=False) as anybody:
            return (await anybody.get(url)).status_code == 200
    except httpx.TransportError:
        return False


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
