"""``payment-gateway`` run to its end, as an operator runs it: a process of its own, with its own environment."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Final

from tests.fork_server import Fork

WITHIN_S: Final = 120.0
WIDTH: Final = "200"  # of the terminal that tables are laid out for


def run_command(
    *words: str, env: Mapping[str, str], given: str = "", within_s: float = WITHIN_S
) -> subprocess.CompletedProcess[str]:
    """Return how a command ended and what it printed.

    Args:
        words: What follows ``payment-gateway``.
        env: All of its environment, but for the path of programs and the width of the terminal.
        given: Its standard input.
        within_s: After which it is killed.

    Raises:
        subprocess.TimeoutExpired: It had not ended in time.
    """
    with (
        tempfile.TemporaryFile() as stdin,
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
    ):
        stdin.write(given.encode())
        stdin.seek(0)
        process = Fork(
            "payment_gateway",
            words,
            env={"PATH": os.environ["PATH"], "COLUMNS": WIDTH, **env},
            stdin=stdin.fileno(),
            stdout=stdout.fileno(),
            stderr=stderr.fileno(),
        )
        try:
            code = process.wait(within_s)
        finally:
            process.kill()
        said = []
        for file in (stdout, stderr):
            file.seek(0)
            said.append(file.read().decode())
        return subprocess.CompletedProcess(list(words), code, *said)
