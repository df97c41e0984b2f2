"""Becomes another program, one that ends when the process that started it ends, however that ends.

Run as a script, isolated and without site packages so that it costs some milliseconds only::

    python -I -S child.py PARENT_PID PROGRAM [ARGUMENT ...]

Linux sends the signal that ``prctl(PR_SET_PDEATHSIG)`` asks for when the parent thread ends, and keeps
that wish across ``execve`` (prctl(2)). Other systems have no such call: there, killing the supervisor
with SIGKILL leaves its children running, and the lock they hold makes the next start say so.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

# prctl(2), <linux/prctl.h>
PR_SET_PDEATHSIG = 1
# As a shell answers for a program that it cannot run.
EXIT_CANNOT_RUN = 127


def die_with(parent_pid: int) -> None:
    """Ask Linux for SIGKILL when the parent ends; leave at once if it has ended already."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"child: prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent_pid:
        sys.exit(f"child: process {parent_pid} has ended already")


def main(arguments: list[str]) -> None:
    """Tie this process to its parent, then become the program."""
    parent_pid, program = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        die_with(parent_pid)
    try:
        os.execv(program[0], program)  # noqa: S606 - no shell is the point: nothing is interpreted
    except OSError as error:
        sys.stderr.write(f"child: cannot run {program[0]}: {error.strerror}\n")
        sys.exit(EXIT_CANNOT_RUN)


if __name__ == "__main__":
    main(sys.argv[1:])
