"""``docs/scaling.md``, from what one payment cost."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from benchmarks.load import capacity
from benchmarks.load.capacity import Ceilings, Need, ceilings, need
from benchmarks.load.results import Results, costed
from benchmarks.load.tables import costs, table

TEMPLATE: Final = Path(__file__).with_name("scaling.md")
RATES: Final = (100, 1_000, 10_000)
WORKED: Final = 100


def scaling_page(results: Results) -> str:
    """Return the page."""
    step = costed(results.steps)
    cost_ms = {part: step.cpu_ms(part, results.idle) for part in step.cost}
    busiest = max(results.steps, key=lambda one: one.rate)
    cost_ms_busy = {part: busiest.cpu_ms(part, results.idle) for part in busiest.cost}
    events = results.settled.events / results.settled.payments
    limits = ceilings(cost_ms_busy, events)
    plans = [need(rate, cost_ms, limits, events) for rate in RATES]
    return filled(
        TEMPLATE.read_text(encoding="utf-8"),
        {
            "models": str(capacity.READ_MODELS),
            "divided": str(capacity.DIVIDED),
            "units_max": str(capacity.UNITS_MAX),
            "rate": f"{step.rate:g}",
            "rate_busy": f"{busiest.rate:g}",
            "costs": costs(results.steps, results.idle),
            "events": f"{events:.1f}",
            "busy": f"{capacity.BUSY_MAX * 100:g}",
            "busy_share": f"{capacity.BUSY_MAX:g}",
            "log_events": f"{capacity.LOG_EVENTS_PER_S:,}",
            "share": f"{capacity.SUBSCRIPTION_SHARE * 100:g}",
            "cores": str(capacity.CORES_PER_MACHINE),
            "mongodb_cores": str(capacity.MONGODB_CORES_PER_SHARD),
            "ceilings": _ceilings(cost_ms_busy, events),
            "plans": _plans(plans),
            "worked_rate": str(WORKED),
            "worked": _worked(need(WORKED, cost_ms, limits, events), cost_ms, limits, events),
        },
    )


def filled(template: str, parts: dict[str, str]) -> str:
    """Return a template with its ``{{names}}`` replaced."""
    for name, part in parts.items():
        template = template.replace(f"{{{{{name}}}}}", part.rstrip("\n"))
    return template


def _ceilings(cost_ms: dict[str, float], events: float) -> str:
    found = ceilings(cost_ms, events)
    busy = capacity.BUSY_MAX
    model_ms = cost_ms["projections"] / capacity.READ_MODELS
    subscription_ms = cost_ms["reactors"] * capacity.SUBSCRIPTION_SHARE
    return "\n".join(
        (
            (
                f"| the log | {found.log:,.0f} | "
                f"{capacity.LOG_EVENTS_PER_S:,} times {busy:g} / {events:.1f} events |"
            ),
            (
                f"| a read model that is not divided | {found.read_models:,.0f} | "
                f"1000 ms times {busy:g} / {model_ms:.1f} ms, a {capacity.READ_MODELS}th of the cost |"
            ),
            (
                f"| a subscription of the reactors | {found.reactors:,.0f} | "
                f"1000 ms times {busy:g} / {subscription_ms:.1f} ms |"
            ),
        )
    )


def _plans(plans: list[Need]) -> str:
    head = [
        *("payments/s", "installations", "payments/s of each", "`serve`", "`work`"),
        *(
            "`projections run`",
            "partitions",
            "events/s of each",
            "MongoDB shards",
            "machines in all",
        ),
    ]
    rows = [
        [
            *(f"{one.rate:,g}", f"{one.installations:,}", f"{one.rate_each:.0f}"),
            *(str(one.api), str(one.reactors), str(one.projections), str(one.partitions)),
            *(f"{one.events_per_s:,.0f}", str(one.shards), f"{one.machines:,}"),
        ]
        for one in plans
    ]
    return table(head, rows)


def _worked(one: Need, cost_ms: dict[str, float], limits: Ceilings, events: float) -> str:
    """Return the arithmetic of one plan, a line for each kind of process."""
    lines = [
        (
            f"- installations: ceil({one.rate:g} / {limits.lowest:.0f})"
            f" = {one.installations}, of {one.rate_each:.0f} payments/s each"
        ),
    ]
    for name, part, count in (
        ("`serve`", "api", one.api),
        ("`work`", "reactors", one.reactors),
        ("`projections run`", "projections", one.projections),
    ):
        lines.append(
            f"- {name}: {one.rate_each:.0f} times {cost_ms[part]:.1f} ms"
            f" = {one.rate_each * cost_ms[part] / 1000:.1f} cores busy,"
            f" at {capacity.BUSY_MAX:.0%} each {count} processes"
        )
    lines += [
        f"- MongoDB: {one.rate_each * cost_ms['mongodb'] / 1000:.1f} cores busy, {one.shards} shard(s)",
        f"- EventStoreDB: {one.rate_each:.0f} times {events:.1f} = {one.events_per_s:,.0f} events/s",
    ]
    return "\n".join(lines)
