"""One demo: an installation for its sake, the journey, and the log of the part at fault if it fails."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.demo.journey import Journey, travel
from sandbox.demo.steps import Step, StepFailed
from sandbox.log_file import last_lines
from sandbox.ports import LOOPBACK
from sandbox.stack import Installation, run_installation
from sandbox.supervisor import OnReady


def run_demo(
    data_dir: Path | None,
    *,
    started_at: float,
    on_ready: OnReady,
    on_step: Callable[[Step], None],
) -> Journey:
    """Start an installation, take a payment with each provider, stop the installation.

    Args:
        data_dir: Its folder; ``None`` for one that is gone afterwards.
        started_at: Where the clock of the demo starts, in seconds since 1970.
        on_ready: Told of each part as it becomes ready.
        on_step: Told of each request and its answer.

    Raises:
        SandboxError: It could not start, a part failed, or a step did not come out right.
        Interrupted: A stop was asked for.
    """

    async def journey(installation: Installation) -> Journey:
        try:
            return await travel(installation, started_at=started_at, on_step=on_step)
        except StepFailed as failure:
            if failure.part:
                failure.log_tail = last_lines(installation.log_dir / f"{failure.part}.log")
            raise

    with _folder(data_dir) as folder:
        return run_installation(
            journey, data_dir=folder, host=LOOPBACK, port=None, on_ready=on_ready
        )


@contextmanager
def _folder(named: Path | None) -> Iterator[Path]:
    if named is not None:
        yield named
        return
    with tempfile.TemporaryDirectory(prefix="payment-gateway-demo-") as temporary:
        yield Path(temporary)
