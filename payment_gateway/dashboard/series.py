"""Numbers as charts want them: one list of times, one list of values for each line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

Series = list[list[float | None]]


def day_series(days: Sequence[dict[str, Any]]) -> Series:
    """Return days in order, and for each how many payments were completed and how many failed.

    Days, in seconds since 1970, without their time: midnight UTC.
    """
    counted: dict[str, list[int]] = {}
    for one in days:
        counts = counted.setdefault(one["day"], [0, 0])
        counts[0] += one["outcomes"]["completed"]
        counts[1] += one["outcomes"]["failed"]
    order = sorted(counted)
    at: list[float | None] = [
        (date.fromisoformat(day) - date(1970, 1, 1)).total_seconds() for day in order
    ]
    return [
        at,
        [float(counted[day][0]) for day in order],
        [float(counted[day][1]) for day in order],
    ]
