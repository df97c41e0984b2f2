"""What a process has used is read from Linux, and a frozen one does nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Generator

import pytest

from benchmarks.load.processes import ProcessesMissing, frozen, pids_of_parts, used_by

BUSY = "while True: pass"
WAIT_S = 20.0


@pytest.fixture
def busy() -> Generator[int, None, None]:
    """Run a process that uses all the time it gets."""
    process = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def uses_time(pid: int, within_s: float) -> bool:
    before, deadline = used_by(pid).cpu_s, time.monotonic() + within_s
    while time.monotonic() < deadline:
        if used_by(pid).cpu_s > before:
            return True
        time.sleep(0.02)
    return False


def test_a_process_that_works_uses_time_and_a_frozen_one_none(busy: int) -> None:
    assert uses_time(busy, WAIT_S)
    with frozen(busy):
        time.sleep(0.1)  # what it used until the signal is counted by then
        assert not uses_time(busy, 0.3)
    assert uses_time(busy, WAIT_S)


def test_memory_is_told_in_mebibytes() -> None:
    held = bytearray(64 * 2**20)
    with_it = used_by(os.getpid()).memory_mib
    held[:] = b"x" * len(held)

    assert used_by(os.getpid()).memory_mib > 64
    assert used_by(os.getpid()).memory_mib >= with_it


def test_an_installation_that_is_not_whole_is_told(busy: int) -> None:
    with pytest.raises(ProcessesMissing, match="api, eventstore, mongodb"):
        pids_of_parts(busy)
