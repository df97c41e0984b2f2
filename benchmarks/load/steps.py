"""Steps of a growing load: what was offered, what was served, how long it took and what it cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.load.arrivals import arrive, poisson
from benchmarks.load.latency import Recorder
from benchmarks.load.processes import Used, used_by_parts
from benchmarks.load.shop import PAYER_S, REFUND_AFTER_S
from benchmarks.load.stage import Stage

LOOKS_PER_PAYMENT: Final = 2.0
IDLE_S: Final = 5.0
# Of a core, more than without load: what is left then is no work of the load's.
RESTED_CPU: Final = 0.15
REST_S_MAX: Final = 30
# What a customer takes who is answered at once, thinking included, and a second more.
CUSTOMER_S: Final = PAYER_S + REFUND_AFTER_S + 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step.

    Attributes:
        rate: Payments that were to begin a second.
        offered: Customers who came, each second.
        served: Customers who had all they came for, each second; those who came last have ``CUSTOMER_S``.
        customers: That came in all.
        not_begun: Arrivals of any kind that found too many requests under way.
        took_s: From the first arrival until the last thing that it caused was worked off.
        is_rested: Whether that was within ``REST_S_MAX`` of the last answer.
        cost: CPU seconds that each process used meanwhile, and its memory afterwards.
    """

    rate: float
    offered: float
    served: float
    customers: int
    not_begun: int
    took_s: float
    is_rested: bool
    recorder: Recorder
    cost: Mapping[str, Used]

    def cpu_ms(self, part: str, idle: Mapping[str, float]) -> float:
        """Return what one payment cost a process, in milliseconds of CPU.

        Args:
            part: The process.
            idle: What each uses without load, in seconds of CPU a second.
        """
        used_s = self.cost[part].cpu_s - idle[part] * self.took_s
        return max(0.0, used_s) * 1000 / max(1, self.customers)


async def idle_cpu(stage: Stage) -> dict[str, float]:
    """Return what each process uses when there is nothing to do, in seconds of CPU a second."""
    before = used_by_parts(stage.pids)
    await asyncio.sleep(IDLE_S)
    after = used_by_parts(stage.pids)
    return {part: (used.cpu_s - before[part].cpu_s) / IDLE_S for part, used in after.items()}


@dataclass(frozen=True, slots=True)
class Played:
    """How many customers came, and how many arrivals of any kind found too much under way."""

    customers: int
    not_begun: int


async def play(stage: Stage, recorder: Recorder, rate: float, duration_s: float) -> Played:
    """Send customers at a rate, and those who look, until the last answer."""
    shop = stage.shop(recorder)
    customers = list(poisson(rate, duration_s, stage.random))
    looks = poisson(rate * LOOKS_PER_PAYMENT, duration_s, stage.random)
    refused, unseen = await asyncio.gather(
        arrive(iter(customers), shop.customer), arrive(looks, shop.look)
    )
    return Played(len(customers) - refused, refused + unseen)


async def rested(stage: Stage, idle: Mapping[str, float]) -> bool:
    """Wait until what the last step left is worked off; return whether it was within ``REST_S_MAX``.

    Args:
        stage: Where.
        idle: What each process uses without load, in seconds of CPU a second.
    """
    for _ in range(REST_S_MAX):
        before = used_by_parts(stage.pids)
        await asyncio.sleep(1)
        after = used_by_parts(stage.pids)
        used_s = sum(after[part].cpu_s - before[part].cpu_s for part in after)
        if used_s < sum(idle.values()) + RESTED_CPU:
            return True
    return False


async def step(stage: Stage, rate: float, duration_s: float, idle: Mapping[str, float]) -> Step:
    """Play one step, and wait until all that it caused is worked off."""
    recorder = Recorder()
    before, done_before = used_by_parts(stage.pids), len(stage.told.done_at_s)
    begun_s = time.monotonic()
    played = await play(stage, recorder, rate, duration_s)
    is_rested = await rested(stage, idle)
    took_s = time.monotonic() - begun_s
    after = used_by_parts(stage.pids)
    in_time_s = begun_s + duration_s + CUSTOMER_S
    done = [at_s for at_s in stage.told.done_at_s[done_before:] if at_s <= in_time_s]
    return Step(
        rate=rate,
        offered=played.customers / duration_s,
        served=len(done) / duration_s,
        customers=played.customers,
        not_begun=played.not_begun,
        took_s=took_s,
        is_rested=is_rested,
        recorder=recorder,
        cost={
            part: Used(used.cpu_s - before[part].cpu_s, used.memory_mib)
            for part, used in after.items()
        },
    )
