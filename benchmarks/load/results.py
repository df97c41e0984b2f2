"""All that one ``make load`` found."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load.outages import Run
from benchmarks.load.plan import Plan
from benchmarks.load.settling import Settled
from benchmarks.load.steps import Step

# A step that served less than this of what was offered is over what the machine can do.
SERVED_MIN = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What came of a plan.

    Attributes:
        idle: What each process uses without load, in seconds of CPU a second.
        run: ``None`` where nothing was to fail.
    """

    plan: Plan
    idle: Mapping[str, float]
    steps: tuple[Step, ...]
    run: Run | None
    settled: Settled

    @property
    def is_well(self) -> bool:
        """Whether nothing is lost, nothing was taken twice, and every fault was got over."""
        outages = self.run.outages if self.run else []
        return (
            not self.settled.differences
            and self.settled.is_verified
            and all(one.recovered_s is not None for one in outages)
        )


def keeps_up(step: Step) -> bool:
    """Return whether a step served what was offered."""
    return step.served >= SERVED_MIN * step.offered


def costed(steps: Sequence[Step]) -> Step:
    """Return the step whose costs are told: the highest load that was served, or else the lowest."""
    return max((one for one in steps if keeps_up(one)), key=lambda one: one.rate, default=steps[0])


def machine() -> str:
    """Return what it was measured on; no name of it."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores ({_cpu()}), {memory_gib:.0f} GiB of memory, {platform.system()} "
        f"{platform.machine()}, Python {platform.python_version()}"
    )


def _cpu() -> str:
    """Return what Linux calls the processor; see proc(5), ``cpuinfo``."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
