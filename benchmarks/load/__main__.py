"""``make load``: steps of a growing load, then faults under load, then the books; see ``docs/performance.md``."""

from __future__ import annotations

import asyncio
import os
import sys

from pydantic import ValidationError

from benchmarks.load.latency import Recorder
from benchmarks.load.outages import run_with_faults
from benchmarks.load.page import write_page
from benchmarks.load.plan import Plan, UnknownKnob, plan_of
from benchmarks.load.results import Results
from benchmarks.load.settling import settled
from benchmarks.load.stage import open_stage
from benchmarks.load.steps import idle_cpu, play, step
from benchmarks.load.tables import costs, kinds, load_line, losses, outages, steps
from benchmarks.whole_installation import installation

USAGE = 2
# After the warm-up, until what is idle is idle.
SETTLE_S = 3.0


async def measure(plan: Plan) -> Results:
    """Start an installation, do all that the plan says, and stop it."""
    async with installation() as whole, open_stage(whole, plan.seed) as stage:
        _show(load_line(plan))
        await play(stage, Recorder(), plan.rates[0], plan.warm_up_s)
        await asyncio.sleep(SETTLE_S)
        idle = await idle_cpu(stage)
        done = []
        for rate in plan.rates:
            done.append(await step(stage, rate, plan.step_s, idle))
            _show(kinds(done[-1]))
            if not done[-1].is_rested:
                _show("(what this step left was not worked off before the next one)\n")
        _show(steps(done), costs(done, idle))
        run = await run_with_faults(stage, plan) if plan.faults else None
        if run is not None:
            _show(outages(run))
        end = await settled(stage, plan.settle_s)
        _show(losses(end))
        return Results(plan=plan, idle=idle, steps=tuple(done), run=run, settled=end)


def main() -> int:
    """Measure; return 0, or 1 if something was lost, taken twice, or did not recover, or 2 for a bad knob."""
    try:
        plan = plan_of(os.environ)
    except (UnknownKnob, ValidationError) as error:
        sys.stderr.write(f"load: {error}\n")
        return USAGE
    results = asyncio.run(measure(plan))
    if plan.write:
        write_page(results)
    return 0 if results.is_well else 1


def _show(*parts: str) -> None:
    for part in parts:
        print(part, flush=True)


if __name__ == "__main__":
    sys.exit(main())
