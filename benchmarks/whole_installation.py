"""``payment-gateway up`` on a folder of its own, to be measured."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

READY_TIMEOUT_S: Final = 120.0
STOP_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Whole:
    """A running installation.

    Attributes:
        said: What ``up --json`` says when it is ready: addresses and keys.
        pid: Of ``up``; the parts are its children.
        folder: Its data.
    """

    said: dict[str, str]
    pid: int
    folder: Path


@asynccontextmanager
async def installation() -> AsyncIterator[Whole]:
    """Start everything, and stop it when the block ends.

    Raises:
        RuntimeError: It did not start.
        TimeoutError: It was not ready, or did not stop, in time.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "payment_gateway", "up", "--json", "--data-dir", folder),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "GATEWAY_LOG_LEVEL": "warning"},
            start_new_session=True,  # Ctrl-C reaches the caller, which stops it in order
        )
        try:
            assert process.stdout is not None, "a pipe was asked for"
            line = await asyncio.wait_for(process.stdout.readline(), READY_TIMEOUT_S)
            if not line:
                raise RuntimeError(f"up did not start, exit code {await process.wait()}")
            yield Whole(json.loads(line), process.pid, Path(folder))
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
