"""``docs/performance.md`` with its pictures and ``docs/scaling.md``, written by ``make load LOAD_WRITE=1``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic_core import PydanticUndefined

from benchmarks.load.latency import PERCENTILES
from benchmarks.load.outages import Run
from benchmarks.load.plan import PREFIX, Plan
from benchmarks.load.plot import Band, Chart, Line
from benchmarks.load.results import Results, costed, machine
from benchmarks.load.scaling_page import filled, scaling_page
from benchmarks.load.shop import COMMANDS, QUERIES
from benchmarks.load.steps import Step
from benchmarks.load.tables import costs, kinds, losses, outages, steps, table

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGE: Final = "performance.md"
SCALING: Final = "scaling.md"
LATENCY: Final = "performance-latency.svg"
FAULTS: Final = "performance-faults.svg"
TEMPLATE: Final = Path(__file__).with_name("page.md")


def write_page(results: Results, folder: Path = DOCS) -> None:
    """Write the page, its pictures, and what follows from it for larger loads, into a folder."""
    (folder / PAGE).write_text(page(results), encoding="utf-8")
    (folder / SCALING).write_text(scaling_page(results), encoding="utf-8")
    (folder / LATENCY).write_text(latency_chart(results.steps).svg(), encoding="utf-8")
    if results.run is not None:
        (folder / FAULTS).write_text(faults_chart(results.run).svg(), encoding="utf-8")


def page(results: Results) -> str:
    """Return the page."""
    text = TEMPLATE.read_text(encoding="utf-8")
    run = results.run
    step = costed(results.steps)
    parts = {
        "machine": machine(),
        "seed": str(results.plan.seed),
        "steps": steps(results.steps),
        "kinds": kinds(step),
        "costs": costs(results.steps, results.idle),
        "outages": outages(run) if run else "No fault was asked for.\n",
        "faults_picture": f"![What was served while things failed]({FAULTS})" if run else "",
        "losses": losses(results.settled),
        "knobs": knobs(),
    }
    return filled(text, parts)


def knobs() -> str:
    """Return the table of what can be asked for."""
    rows = []
    for name, knob in Plan.model_fields.items():
        assert knob.description, f"{name} is described"
        rows.append([f"`{PREFIX}{name.upper()}`", _default(knob.default), knob.description])
    return table(["variable", "default", "what"], rows)


def _default(value: object) -> str:
    if value is PydanticUndefined:
        return "random"
    if isinstance(value, tuple):
        return ",".join(_default(one) for one in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def latency_chart(done: tuple[Step, ...]) -> Chart:
    """Return how long commands and queries took by the load that was offered."""
    lines = []
    for name, kinds_of in (("commands", COMMANDS), ("queries", QUERIES)):
        totals = [(one.offered, one.recorder.total(kinds_of).times) for one in done]
        lines += [
            Line(
                f"{name} p{percent:g}", [(at, times.percentile_ms(percent)) for at, times in totals]
            )
            for percent in PERCENTILES[:3]
        ]
    return Chart(
        title="Latency by offered load",
        x_name="payments offered a second",
        y_name="milliseconds",
        lines=lines,
        is_log=True,
    )


def faults_chart(run: Run) -> Chart:
    """Return what was served second by second, and the p99 beside it."""
    served = list(enumerate(run.served_each_s()))
    p99 = [
        (float(second), None if took_s is None else took_s)
        for second, took_s in enumerate(run.p99_each_s())
    ]
    offered = [(0.0, run.rate), (float(len(served)), run.rate)]
    return Chart(
        title="Served while things fail",
        x_name="seconds",
        y_name="payments a second; seconds",
        lines=[
            Line("served", [(float(second), float(count)) for second, count in served]),
            Line("offered", offered),
            Line("p99, seconds", p99),
        ],
        bands=[Band(one.fault.value, one.began_s, one.ended_s) for one in run.outages],
    )
