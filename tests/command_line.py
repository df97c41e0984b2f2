"""``payment-gateway`` run to its end, as an operator runs it: a process of its own, with its own environment.

The processes are forks of one that has imported everything, which spares each the second that importing
takes. What differs from a start of the program is nothing that it could notice.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

WITHIN_S: Final = 120.0
WIDTH: Final = "200"  # of the terminal that tables are laid out for

_SERVER: Final = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    ["payment_gateway.__main__", "payment_gateway.asgi", "payment_gateway.bootstrap"]
)


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
    with tempfile.TemporaryDirectory(prefix="command-") as folder:
        files = [Path(folder) / name for name in ("stdin", "stdout", "stderr")]
        files[0].write_text(given)
        whole = {"PATH": os.environ["PATH"], "COLUMNS": WIDTH, **env}
        process = _SERVER.Process(target=_become, args=(words, whole, [str(f) for f in files]))
        process.start()
        process.join(within_s)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(list(words), within_s, files[1].read_text())
        stdout, stderr = (file.read_text() if file.exists() else "" for file in files[1:])
        return subprocess.CompletedProcess(list(words), process.exitcode, stdout, stderr)


def _become(words: tuple[str, ...], env: dict[str, str], files: list[str]) -> None:
    for number, name in enumerate(files):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        os.dup2(os.open(name, flags), number)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["payment-gateway", *words]
    from payment_gateway.__main__ import main

    with (
        open(0, encoding="utf-8", closefd=False) as sys.stdin,
        open(1, "w", encoding="utf-8", closefd=False) as sys.stdout,
        open(2, "w", encoding="utf-8", closefd=False, buffering=1) as sys.stderr,
    ):
        main()
