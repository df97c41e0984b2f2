"""A steady load while one thing after the other fails: what was served each second, and when all was well again."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from benchmarks.load.latency import Recorder
from benchmarks.load.plan import Fault, Plan
from benchmarks.load.recovery import Lag, p99_s, recovered_after_s
from benchmarks.load.stage import Stage
from benchmarks.load.steps import play

LOOK_EVERY_S: Final = 0.5
# The load is played in pieces, so that it can end when the last fault is over; each overlaps none.
SECOND_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """One fault, with its times since the beginning of the run in seconds.

    Attributes:
        recovered_s: From its end to when it could not be felt any more; ``None`` if it could for too long.
    """

    fault: Fault
    began_s: float
    ended_s: float
    recovered_s: float | None


@dataclass(kw_only=True)
class Run:
    """A run with faults.

    Attributes:
        begun_s: Its beginning, by ``time.monotonic``, as the samples have it.
        rate: Customers a second.
        earlier_s: The p99 of all requests before the first fault, in seconds.
        done_at_s: When each customer had all they came for.
    """

    begun_s: float
    rate: float
    recorder: Recorder = field(default_factory=Recorder)
    lags: list[Lag] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    done_at_s: list[float] = field(default_factory=list)
    earlier_s: float = math.inf

    @property
    def duration_s(self) -> float:
        """From its beginning to the last customer."""
        return max(self.done_at_s, default=self.begun_s) - self.begun_s

    def served_each_s(self) -> list[int]:
        """Return how many customers had all they came for, second by second."""
        counts = [0] * (int(self.duration_s) + 1)
        for at_s in self.done_at_s:
            counts[int(at_s - self.begun_s)] += 1
        return counts

    def p99_each_s(self) -> list[float | None]:
        """Return the p99 of the requests due in each second, in seconds; ``None`` where none was served."""
        seconds: list[list[float]] = [[] for _ in range(int(self.duration_s) + 1)]
        for one in self.recorder.samples:
            second = int(one.due_s - self.begun_s)
            if one.is_served and second < len(seconds):
                seconds[second].append(one.took_s)
        return [sorted(times)[len(times) * 99 // 100] if times else None for times in seconds]


async def run_with_faults(stage: Stage, plan: Plan) -> Run:
    """Play the load, and make things fail meanwhile."""
    run = Run(begun_s=time.monotonic(), rate=plan.fault_rate)
    done_before = len(stage.told.done_at_s)
    async with _load(stage, run), _watched(stage, run):
        await asyncio.sleep(plan.steady_s)
        before = [one for one in run.recorder.samples if one.due_s < time.monotonic() - SECOND_S]
        run.earlier_s = p99_s(before)
        for fault in plan.faults:
            run.outages.append(await _suffer(stage, run, fault, plan))
    run.done_at_s = stage.told.done_at_s[done_before:]
    return run


async def _suffer(stage: Stage, run: Run, fault: Fault, plan: Plan) -> Outage:
    began_s = time.monotonic()
    async with stage.failing(fault):
        await asyncio.sleep(plan.fault_s)
    over_s = time.monotonic()
    recovered_s = None
    while recovered_s is None and time.monotonic() < over_s + plan.recover_s:
        await asyncio.sleep(LOOK_EVERY_S)
        recovered_s = recovered_after_s(
            run.recorder.samples,
            run.lags,
            over_s=over_s,
            settled_s=run.recorder.settled_s(time.monotonic()),
            earlier_s=run.earlier_s,
        )
    return Outage(
        fault=fault,
        began_s=began_s - run.begun_s,
        ended_s=over_s - run.begun_s,
        recovered_s=recovered_s,
    )


@asynccontextmanager
async def _load(stage: Stage, run: Run) -> AsyncGenerator[None, None]:
    """Play the load while the block runs, and wait for its last answer."""
    stopped = asyncio.Event()

    async def second_by_second() -> None:
        due_s = run.begun_s
        async with asyncio.TaskGroup() as group:
            while not stopped.is_set():
                group.create_task(play(stage, run.recorder, run.rate, SECOND_S))
                due_s += SECOND_S
                await asyncio.sleep(max(0.0, due_s - time.monotonic()))

    async with asyncio.TaskGroup() as group:
        group.create_task(second_by_second())
        try:
            yield
        finally:
            stopped.set()


@asynccontextmanager
async def _watched(stage: Stage, run: Run) -> AsyncGenerator[None, None]:
    """Note the lag of the read models while the block runs."""

    async def watch() -> None:
        while True:
            run.lags.append(await stage.lag(time.monotonic()))
            await asyncio.sleep(LOOK_EVERY_S)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait({watching})
