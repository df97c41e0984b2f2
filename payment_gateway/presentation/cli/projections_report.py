"""Read models as a person at a terminal sees them: tables and sentences."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def console() -> Console:
    """Return standard output as these commands write on it: what is printed is what was meant."""
    return Console(soft_wrap=True, highlight=False, markup=False)


def tell(answer: Mapping[str, Any], *, as_json: bool) -> None:
    """Say what a step came to."""
    if as_json:
        print(json.dumps(answer))
    else:
        console().print(", ".join(f"{name} {value}" for name, value in answer.items()))


def status_table(generations: Sequence[Mapping[str, Any]]) -> Table:
    """Return one line for each generation, and one for each of its partitions where it has several."""
    table = Table(
        "read model", "state", "position", "head", "behind", "seconds", "per s", "parked", "kept by",
        box=None,
        pad_edge=False,
    )  # fmt: skip
    for one in generations:
        partitions = one["partitions"]
        table.add_row(
            f"{one['readModel']} v{one['version']} g{one['generation']}",
            f"{one['state']}, paused" if one["paused"] else one["state"],
            str(one["position"]),
            str(one["head"]),
            _behind(one),
            _seconds(one["lagSeconds"]),
            "" if one["rate"] is None else str(one["rate"]),
            _parked(one),
            _holder(partitions[0]) if len(partitions) == 1 else "",
        )
        for part in partitions if len(partitions) > 1 else ():
            table.add_row(
                f"  partition {part['partition']}",
                "",
                str(part["position"]),
                "",
                "",
                _seconds(part["lagSeconds"]),
                "",
                "",
                _holder(part),
            )
    return table


def fault_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a verification found, the first difference in full."""
    if not report:
        return
    compared = f"{report['documents']} documents, {report['events']} events"
    if report["parked"]:
        compared += f", {report['parked']} parked"
    if report["agrees"]:
        yield f"{report['readModel']} is what the log says: {compared}"
        return
    yield f"{report['readModel']} is not what the log says: {report['faultsCount']} differences in {compared}"
    for fault in report["faults"]:
        yield ""
        yield f"{fault['kind']}: {fault['cause']}"
        for name in ("document", "part", "field", "expected", "found"):
            if fault[name] is not None:
                yield f"  {name:<9} {fault[name]}"
        event = fault["event"]
        if event is not None:
            place = f"{event['stream']}, event {event['revision']}, position {event['position']}"
            yield f"  event     {event['id']} {event['type']} ({place})"


def _behind(one: Mapping[str, Any]) -> str:
    if one["lagEvents"] is None:
        return ""
    return f"{'at least ' if one['lagEventsIsLeast'] else ''}{one['lagEvents']}"


def _parked(one: Mapping[str, Any]) -> str:
    unknown = f", {one['unknown']} unknown" if one["unknown"] else ""
    return f"{one['parked']}{unknown}"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _holder(partition: Mapping[str, Any]) -> str:
    return str(partition["holder"] or "nobody")
