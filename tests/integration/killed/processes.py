"""Processes of the gateway that die at a point, from the test's side."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx

from sandbox.ports import free_port
from tests.child_process import Child, launch, stop
from tests.integration.rest.installation import Installation

WITHIN_S: Final = 60.0
LOOK_EVERY_S: Final = 0.05
# Intents count as abandoned, and claims of the dead are over.
LATER_S: Final = 240.0


@dataclass
class Process:
    """One process of the gateway."""

    host: Host
    pid: int
    reached: Path
    url: str | None = None
    _ended: int | None = None

    def ended(self) -> int | None:
        """Return how it ended, a signal's number negative; ``None`` while it runs."""
        if self._ended is None:
            self._ended = self.host.ask({"poll": self.pid})["ended"]
        return self._ended

    async def dies(self) -> None:
        """Wait until it has killed itself."""
        deadline = time.monotonic() + WITHIN_S
        while (ended := self.ended()) is None:
            assert time.monotonic() < deadline, f"it came by {self.points()} and went on"
            await asyncio.sleep(LOOK_EVERY_S)
        assert ended == -signal.SIGKILL

    async def comes_by(self, point: str) -> None:
        """Wait until it has said so: what it did there is seen by others a moment before."""
        deadline = time.monotonic() + WITHIN_S
        while point not in self.points():
            assert time.monotonic() < deadline, f"it came by {self.points()} and not by {point}"
            await asyncio.sleep(LOOK_EVERY_S)

    def points(self) -> list[str]:
        """Return the points that it came by so far."""
        return self.reached.read_text().split("\n")[:-1] if self.reached.exists() else []


@dataclass
class Host:
    """Starts processes; see ``host.py``."""

    process: Child
    installation: Installation
    _numbers: count[int] = field(default_factory=count)

    def ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the host has ended"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def start(self, program: str, *, point: str | None = None, ahead_s: float = 0) -> Process:
        """Start ``serve`` or ``work``, whose clock is ahead and which dies at a point.

        Each has read models of its own, so that none waits until a dead one's leases are over.
        """
        number = next(self._numbers)
        port = free_port()
        reached = self.installation.folder / f"reached-{number}"
        env = {
            **self.installation.environment,
            "GATEWAY_MONGODB_DATABASE": f"killed-{uuid4().hex[:12]}",
        }
        answer = self.ask(
            {
                "program": program,
                "port": port,
                "point": point,
                "aheadS": ahead_s,
                "env": env,
                "log": str(self.installation.folder / f"{program}-{number}.log"),
                "reached": str(reached),
            }
        )
        url = f"http://127.0.0.1:{port}" if program == "serve" else None
        return Process(host=self, pid=answer["pid"], reached=reached, url=url)

    @asynccontextmanager
    async def api(self, point: str | None = None) -> AsyncGenerator[Process, None]:
        """Run an API, ready, for the length of the block or until it dies."""
        process = self.start("serve", point=point)
        try:
            await self._ready(process)
            yield process
        finally:
            self.end(process)

    @asynccontextmanager
    async def reactors(self, point: str | None = None) -> AsyncGenerator[Process, None]:
        """Run reactors, whose clock is ahead, for the length of the block or until they die."""
        process = self.start("work", point=point, ahead_s=LATER_S)
        try:
            yield process
        finally:
            self.end(process)

    def end(self, process: Process) -> None:
        if process.ended() is None:
            os.kill(process.pid, signal.SIGKILL)
            deadline = time.monotonic() + WITHIN_S
            while process.ended() is None:
                assert time.monotonic() < deadline
                time.sleep(LOOK_EVERY_S)

    async def _ready(self, process: Process) -> None:
        deadline = time.monotonic() + WITHIN_S
        async with httpx.AsyncClient(base_url=process.url or "", verify=False) as anybody:
            while True:
                try:
                    if (await anybody.get("/readyz")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                assert process.ended() is None, "it ended before it was ready"
                assert time.monotonic() < deadline, "not ready in time"
                await asyncio.sleep(LOOK_EVERY_S)


@contextmanager
def running_host(installation: Installation) -> Generator[Host, None, None]:
    argv = (sys.executable, "-m", "tests.integration.killed.host")
    process = launch(argv, log=installation.folder / "host.log", stdin=subprocess.PIPE)
    try:
        yield Host(process, installation)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        stop(process)
