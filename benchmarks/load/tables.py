"""The results as tables, which a terminal and a page of the documentation show alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.load.latency import PERCENTILES, Tally
from benchmarks.load.outages import Run
from benchmarks.load.plan import Plan
from benchmarks.load.results import machine
from benchmarks.load.settling import Settled
from benchmarks.load.shop import COMMANDS, QUERIES
from benchmarks.load.steps import Step

DIFFERENCES_SHOWN_MAX = 20


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown, its columns aligned; all but the first are numbers."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [
        [
            row[0].ljust(widths[0]),
            *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)),
        ]
        for row in (head, rule, *rows)
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def load_line(plan: Plan) -> str:
    """Return what is about to be done, and on what."""
    return f"{machine()}; seed {plan.seed}\n"


def kinds(step: Step) -> str:
    """Return what each kind of request took in a step."""
    head = ["request", "count", *_percentile_names(), "max ms", "not served"]
    rows = [
        [kind, str(tally.times.count), *_times(tally), _unserved(tally)]
        for kind, tally in sorted(step.recorder.tallies.items())
    ]
    title = f"{step.rate:g} payments/s planned, {step.offered:.1f} offered, {step.served:.1f} served\n\n"
    return title + table(head, rows)


def steps(done: Sequence[Step]) -> str:
    """Return the steps beside each other."""
    head = ["payments/s planned", "offered", "served", "requests/s"]
    for name in ("commands", "queries"):
        head += [f"{name} p50 ms", "p90", "p99", "p99.9"]
    return table([*head, "not served"], [_step(one) for one in done])


def _step(step: Step) -> list[str]:
    recorder = step.recorder
    commands, queries = recorder.total(COMMANDS), recorder.total(QUERIES)
    requests = len(recorder.samples) / step.customers * step.offered if step.customers else 0.0
    unserved = sum(sum(one.unserved.values()) for one in (commands, queries))
    row = [f"{step.rate:g}", f"{step.offered:.1f}", f"{step.served:.1f}", f"{requests:.0f}"]
    row += [_ms(tally.times.percentile_ms(p)) for tally in (commands, queries) for p in PERCENTILES]
    return [*row, str(unserved + step.not_begun)]


def costs(done: Sequence[Step], idle: Mapping[str, float]) -> str:
    """Return what one payment cost each process in each step, in milliseconds of CPU.

    Args:
        done: The steps.
        idle: What each process uses without load, in seconds of CPU a second.
    """
    head = ["CPU ms a payment of", *(f"at {step.rate:g}/s" for step in done)]
    head += ["idle, CPU ms a second", "memory MiB"]
    rows = [
        [
            part,
            *(f"{step.cpu_ms(part, idle):.1f}" for step in done),
            f"{idle[part] * 1000:.0f}",
            f"{used.memory_mib:.0f}",
        ]
        for part, used in done[-1].cost.items()
    ]
    return table(head, rows)


def outages(run: Run) -> str:
    """Return how each fault was got over."""
    head = ["fault", "from s", "to s", "well again after s"]
    rows = [
        [
            one.fault.value,
            f"{one.began_s:.1f}",
            f"{one.ended_s:.1f}",
            "not in time" if one.recovered_s is None else f"{one.recovered_s:.0f}",
        ]
        for one in run.outages
    ]
    title = (
        f"{run.rate:g} payments/s, p99 of all requests before {run.earlier_s * 1000:.0f} ms:\n\n"
    )
    return title + table(head, rows) + "\n" + "".join(_refused(run))


def _refused(run: Run) -> Iterator[str]:
    for kind, tally in sorted(run.recorder.tallies.items()):
        if tally.unserved:
            yield f"- {kind}, {tally.times.count} requests, not served: {_unserved(tally)}\n"


def losses(end: Settled) -> str:
    """Return whether the books agree."""
    moved = (
        f"{end.payments} payments, {end.captures} captures and {end.refunds} refunds, "
        f"{end.events / max(1, end.payments):.1f} events a payment"
    )
    if not end.differences:
        verdict = f"{moved}: nothing lost, nothing taken twice ({end.took_s:.0f} s after the load)"
    else:
        shown = "\n".join(end.differences[:DIFFERENCES_SHOWN_MAX])
        verdict = f"{moved}: {len(end.differences)} differences after {end.took_s:.0f} s\n{shown}"
    queries = "show what the events say" if end.is_verified else "DIFFER from the events"
    return f"{verdict}\nThe queries {queries}.\n"


def _percentile_names() -> list[str]:
    first, *others = (f"p{percent:g}" for percent in PERCENTILES)
    return [f"{first} ms", *others]


def _times(tally: Tally) -> list[str]:
    times = tally.times
    return [*(_ms(times.percentile_ms(percent)) for percent in PERCENTILES), _ms(times.max_ms)]


def _ms(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _unserved(tally: Tally) -> str:
    """Return the statuses that were no success, an answer that never came as ``none``."""
    return ", ".join(
        f"{count} of {status or 'none'} {code}".rstrip()
        for (status, code), count in tally.unserved.items()
    )
