"""One program of an installation: how it starts, when it is ready, how it stops, where its log is."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import child
from sandbox.errors import PartFailed
from sandbox.log_file import LogFile

POLL_S = 0.05
# A cold disk and two slow cores are no reason to give up.
READY_WITHIN_S = 90.0
STOP_WITHIN_S = 15.0
# What is still in the pipe of a program that has ended is read within this time.
DRAIN_WITHIN_S = 2.0
KILL_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class ReadyLine:
    """Ready once the program's first line on stdout is a JSON object with this key."""

    key: str


@dataclass(frozen=True, slots=True)
class Poll:
    """Ready once the question is answered with yes; asked every ``POLL_S`` seconds."""

    ask: Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSpec:
    """What to run, and what counts as running."""

    name: str
    argv: tuple[str, ...]
    ready: ReadyLine | Poll
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    after: frozenset[str] = frozenset()
    """Names of the parts that are ready before this one starts, and stop after it."""
    stop_signal: signal.Signals = signal.SIGTERM
    ready_within_s: float = READY_WITHIN_S
    stop_within_s: float = STOP_WITHIN_S
    advice: Mapping[str, str] = field(default_factory=dict)
    """What to do when the log of a part that failed holds the text on the left."""


class Part:
    """A part that runs, or did."""

    def __init__(self, spec: PartSpec, log_dir: Path, *, inherit: tuple[int, ...]) -> None:
        self.spec = spec
        self._log = LogFile(log_dir / f"{spec.name}.log")
        self._inherit = inherit
        self._process: asyncio.subprocess.Process | None = None
        self._ended: asyncio.Task[int] | None = None
        self._first_line: asyncio.Future[bytes] | None = None
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the program and wait until it is ready.

        Raises:
            PartFailed: It ended, or was not ready within ``ready_within_s``.
        """
        ended = await self._spawn()
        ready = asyncio.create_task(self._become_ready())
        try:
            await asyncio.wait(
                {ready, ended},
                timeout=self.spec.ready_within_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if ended.done():
                raise self._failed(f"did not start: {how_it_ended(ended.result())}.")
            if not ready.done():
                raise self._failed(f"was not ready within {self.spec.ready_within_s:g} s.")
            ready.result()
        finally:
            ready.cancel()
            await asyncio.wait({ready})

    async def ended(self) -> PartFailed:
        """Wait for the program to end, and say how it did."""
        assert self._ended is not None, "only a part that was started can end"
        code = await asyncio.shield(self._ended)
        return self._failed(f"ended by itself: {how_it_ended(code)}.")

    async def stop(self) -> None:
        """Ask the program to stop; after ``stop_within_s`` make it."""
        if self._process is None or self._ended is None:
            return
        if not self._ended.done():
            self._signal(self.spec.stop_signal)
            await asyncio.wait({self._ended}, timeout=self.spec.stop_within_s)
        if not self._ended.done():
            self._log.note(f"stopped with SIGKILL after {self.spec.stop_within_s:g} s")
            self._signal(signal.SIGKILL)
            await asyncio.wait({self._ended}, timeout=KILL_WITHIN_S)

    async def _spawn(self) -> asyncio.Task[int]:
        spec = self.spec
        launcher = (sys.executable, "-I", "-S", child.__file__, str(os.getpid()))
        with self._log.opened() as log:
            wants_line = isinstance(spec.ready, ReadyLine)
            self._process = await asyncio.create_subprocess_exec(
                *launcher,
                *spec.argv,
                env=spec.env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if wants_line else log,
                stderr=log,
                # A session of its own: Ctrl-C reaches the supervisor alone, which stops all in order.
                start_new_session=True,
                pass_fds=self._inherit,
            )
        if self._process.stdout is not None:
            self._first_line = asyncio.get_running_loop().create_future()
            self._reader = asyncio.create_task(self._read(self._process.stdout, self._first_line))
        self._ended = asyncio.create_task(self._wait(self._process))
        return self._ended

    async def _wait(self, process: asyncio.subprocess.Process) -> int:
        code = await process.wait()
        if self._reader is not None:
            await asyncio.wait({self._reader}, timeout=DRAIN_WITHIN_S)
            self._reader.cancel()
        return code

    async def _read(self, stdout: asyncio.StreamReader, first: asyncio.Future[bytes]) -> None:
        """Hand over the first line, and keep whatever else the program prints in its log."""
        with suppress(ValueError):  # a line longer than the reader's limit is no ready line
            line = await stdout.readline()
            if line and not first.done():
                first.set_result(line)
        with self._log.opened() as log:
            while chunk := await stdout.read(64 * 1024):
                os.write(log, chunk)

    async def _become_ready(self) -> None:
        match self.spec.ready:
            case ReadyLine(key):
                assert self._first_line is not None, "stdout is a pipe where a line is awaited"
                line = await self._first_line
                if not _announces(line, key):
                    text = line.decode(errors="replace").strip()
                    raise self._failed(f'printed "{text}" where its address was expected.')
            case Poll(ask):
                while True:
                    if await ask():
                        return
                    await asyncio.sleep(POLL_S)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "only a part that was started is signalled"
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    def _failed(self, what: str) -> PartFailed:
        tail = self._log.tail()
        advice = next((told for seen, told in self.spec.advice.items() if seen in tail), None)
        return PartFailed(self.spec.name, what, log_tail=tail, advice=advice)


def how_it_ended(code: int) -> str:
    """A process's return code in words; negative means the signal that ended it."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def _announces(line: bytes, key: str) -> bool:
    try:
        announced = json.loads(line)
    except ValueError:
        return False
    return isinstance(announced, dict) and key in announced
