"""Programs that a test starts and that never outlive it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sandbox import child
from tests.fork_server import Fork

STOP_WITHIN_S = 15.0
READY_WITHIN_S = 60.0
_PYTHON: Final = (sys.executable, "-m")

Child = subprocess.Popen[bytes] | Fork


def launch(
    argv: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
) -> Child:
    """Start a program that ends when the test process does; its stderr goes to the log."""
    whole = {**os.environ, **(env or {})}
    launcher = (sys.executable, "-I", "-S", child.__file__, str(os.getpid()))
    with log.open("ab") as stderr:
        if tuple(argv[:2]) == _PYTHON:
            return Fork(
                argv[2],
                argv[3:],
                env=whole,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr.fileno(),
            )
        return subprocess.Popen(
            [*launcher, *argv],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=whole,
        )


def stop(process: Child) -> None:
    """Ask a program to end, and make it where it does not."""
    process.terminate()
    try:
        process.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        kill(process)
    if process.stdout is not None:
        process.stdout.close()


def kill(process: Child) -> None:
    """End a program without asking."""
    process.kill()
    process.wait(STOP_WITHIN_S)
    if process.stdout is not None:
        process.stdout.close()


@contextmanager
def running(
    argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None
) -> Generator[Child, None, None]:
    """Run a program for the length of a ``with`` block."""
    process = launch(argv, log=log, env=env)
    try:
        yield process
    finally:
        stop(process)


def ready_line(process: Child, log: Path) -> dict[str, Any]:
    """Return the JSON object that a program prints once it is ready."""
    assert process.stdout is not None, "started with a pipe"
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if select.select([process.stdout], [], [], 0.1)[0]:
            line = process.stdout.readline()
            assert line, f"ended before it was ready: {log.read_text()[-2000:]}"
            announced = json.loads(line)
            assert isinstance(announced, dict), line
            return announced
    raise AssertionError(f"not ready within {READY_WITHIN_S} s: {log.read_text()[-2000:]}")
