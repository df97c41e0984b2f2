"""The reference page of metrics, written from where they are declared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client.metrics_core import Metric

from payment_gateway.telemetry.metrics import REGISTRY

_UNITS: Final = {
    "seconds": "seconds",
    "bytes": "bytes",
    "ratio": "0 to 1",
    "position": "position in the log",
    "positions": "positions in the log",
}
_INTRODUCTION: Final = """# Metrics

Each process tells what it knows of itself at `/metrics`, in Prometheus' text format: `serve` on its own port, `work` and
`projections run` on `GATEWAY_HEALTH_PORT`. A label has only values that the code knows beforehand, or that are few for an
installation: never a tenant, a payment, or a text that somebody sent. A counter only grows, until its process starts again.
A histogram has the series `_bucket`, with the label `le`, `_sum` and `_count`.

What waits in queues, dead letters, payments that a person should know of, and rebuilds stand in MongoDB: each process that
tells of them tells the same, so take the `max`, not the `sum`. What is told of a subscription is told by the process that
holds it. What to be woken for: [runbook](../runbook.md).

"""
_HEADER: Final = "| metric | type | labels | unit | meaning |\n|---|---|---|---|---|\n"


def metrics_text() -> str:
    """Return the page, without the line that says who wrote it."""
    families = list(REGISTRY.collect())
    ours = [one for one in families if one.name.startswith("gateway_")]
    others = [one for one in families if not one.name.startswith("gateway_")]
    return (
        f"{_INTRODUCTION}## The gateway\n\n{_HEADER}{_rows(ours)}\n"
        "## The process\n\nOn Linux, of each process; from the Prometheus client and the Python interpreter.\n\n"
        f"{_HEADER}{_rows(others)}"
    )


def _rows(families: Iterable[Metric]) -> str:
    return "".join(
        f"| `{_scraped_name(one)}` | {one.type} | {_labels(one)} | {_unit(one.name)} "
        f"| {one.documentation.rstrip('.')}. |\n"
        for one in families
    )


def _scraped_name(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def _labels(family: Metric) -> str:
    """Return the labels as they were declared, or as the series of a collector of its own have them."""
    declared = REGISTRY._names_to_collectors.get(family.name)
    names = getattr(declared, "_labelnames", None)
    if names is None:
        names = dict.fromkeys(name for sample in family.samples for name in sample.labels)
    return ", ".join(f"`{name}`" for name in names)


def _unit(name: str) -> str:
    return _UNITS.get(name.rpartition("_")[2], "number")
