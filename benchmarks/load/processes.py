"""The processes of a running installation: which is which, and what each has used, as Linux tells it."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
# What the command line of each part has in it, and of no other.
PARTS: Final = {
    "eventstore": "sandbox.eventstore",
    "mongodb": "mongod",
    "redis": "valkey",
    "paypal": "sandbox.providers paypal",
    "pagadito": "sandbox.providers pagadito",
    "api": "payment_gateway serve",
    "reactors": "payment_gateway work",
    "projections": "payment_gateway projections",
}


class ProcessesMissing(Exception):
    """A part of the installation has no process."""


@dataclass(frozen=True, slots=True)
class Used:
    """What a process has used since it began, and the memory that it holds."""

    cpu_s: float
    memory_mib: float


def pids_of_parts(parent: int) -> dict[str, int]:
    """Return the process of each part among the children of a process.

    Raises:
        ProcessesMissing: One is not there.
    """
    children = [int(one.name) for one in PROC.iterdir() if one.name.isdigit()]
    lines = {pid: _command_line(pid) for pid in children if _parent(pid) == parent}
    found = {
        part: pid for part, sign in PARTS.items() for pid, line in lines.items() if sign in line
    }
    if missing := PARTS.keys() - found.keys():
        raise ProcessesMissing(f"no process of {', '.join(sorted(missing))}")
    return found


def used_by(pid: int) -> Used:
    """Return what a process has used, all its threads together."""
    fields = _stat(pid)
    pages = int((PROC / str(pid) / "statm").read_text().split()[1])
    return Used(
        cpu_s=(int(fields[11]) + int(fields[12])) / TICKS_PER_S,
        memory_mib=pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
    )


def used_by_parts(pids: Mapping[str, int]) -> dict[str, Used]:
    """Return what each part has used, and this process, the load itself."""
    return {part: used_by(pid) for part, pid in {**pids, "load generator": os.getpid()}.items()}


@contextmanager
def frozen(pid: int) -> Generator[None, None, None]:
    """Have a process do nothing while the block runs; its connections stay open."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _stat(pid: int) -> list[str]:
    """Return the fields behind the program's name, which may itself hold blanks; see proc(5)."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def _parent(pid: int) -> int | None:
    try:
        return int(_stat(pid)[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def _command_line(pid: int) -> str:
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""
