"""Python programs as forks of one process that has imported the gateway: each is spared the seconds that takes.

What differs from a start of the program is nothing that it could notice: it has the arguments, the
environment, the three streams and the ``__main__`` that ``python -m`` gives it, and ends with the test process.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection, wait
from threading import Lock
from typing import IO, Final

from sandbox.child import die_with

_CONTEXT: Final = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "payment_gateway.__main__",
        "payment_gateway.processes.api",
        "payment_gateway.processes.reactors",
        "payment_gateway.processes.projections",
        "sandbox.eventstore.__main__",
        "sandbox.providers.__main__",
    ]
)
# How a process ended is told once, to whoever asks; starting one asks about all others.
_ASKING: Final = Lock()


class Fork:
    """A program that runs, or did; what is here of ``subprocess.Popen`` works alike.

    Args:
        module: What follows ``python -m``.
        arguments: What follows that.
        env: All of its environment.
        stdin: A descriptor, or ``subprocess.PIPE`` to write to it, or ``subprocess.DEVNULL``.
        stdout: A descriptor, or ``subprocess.PIPE`` to read from it.
        stderr: A descriptor.
        cwd: The folder it works in; that of the test where it is not named.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        stdin: int,
        stdout: int,
        stderr: int,
        cwd: str | None = None,
    ) -> None:
        its_stdin, self.stdin = _input(stdin)
        its_stdout, self.stdout = _output(stdout)
        streams = [Connection(number) for number in (its_stdin, its_stdout, os.dup(stderr))]
        self._process: Final = _CONTEXT.Process(
            target=_become, args=(module, list(arguments), dict(env), cwd, streams), daemon=True
        )
        with _ASKING:
            self._process.start()
        for stream in streams:
            stream.close()
        assert self._process.pid is not None, "it was started"
        self.pid: Final = self._process.pid
        self.sentinel: Final = self._process.sentinel

    @property
    def returncode(self) -> int | None:
        """How it ended, a signal's number negative; ``None`` while nobody knows that it has."""
        return self.poll()

    def poll(self) -> int | None:
        """Return how it ended; ``None`` while it runs."""
        with _ASKING:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended, once it has.

        Raises:
            subprocess.TimeoutExpired: It has not, in so many seconds.
        """
        wait([self.sentinel], timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal to it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it without asking."""
        self.send_signal(signal.SIGKILL)


def _input(wanted: int) -> tuple[int, IO[bytes] | None]:
    """Return what the program reads, and what the test writes to."""
    if wanted == subprocess.PIPE:
        read, write = os.pipe()
        return read, os.fdopen(write, "wb")
    if wanted == subprocess.DEVNULL:
        return os.open(os.devnull, os.O_RDONLY), None
    return os.dup(wanted), None


def _output(wanted: int) -> tuple[int, IO[bytes] | None]:
    """Return what the program writes to, and what the test reads."""
    if wanted == subprocess.PIPE:
        read, write = os.pipe()
        return write, os.fdopen(read, "rb")
    return os.dup(wanted), None


def _become(
    module: str,
    arguments: list[str],
    env: dict[str, str],
    cwd: str | None,
    streams: list[Connection],
) -> None:
    if sys.platform == "linux":
        die_with(os.getppid())
    for number, stream in enumerate(streams):
        os.dup2(stream.fileno(), number)
        stream.close()
    if cwd is not None:
        os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [module, *arguments]
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)
    # It was imported for what it imports in turn; now it is run, and runpy warns of what it finds.
    sys.modules.pop(f"{module}.__main__", None)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
