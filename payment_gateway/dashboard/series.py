"""Numbers as charts want them: one list of times, one list of values for each line."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

Series = list[list[float | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """A day's payments, whatever the provider.

    Attributes:
        success_rate: Of those that have ended, the share that was paid; ``None`` while none has.
        amounts: Captured and given back, as decimals, by currency.
    """

    payments: int
    success_rate: float | None
    amounts: dict[str, tuple[str, str]]


def day_series(days: Sequence[dict[str, Any]], *, first: date, last: date) -> Series:
    """Return days in order, and for each how many payments were completed and how many failed.

    Days, in seconds since 1970, without their time: midnight UTC. Days without a payment are zero.
    """
    completed: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for one in days:
        completed[one["day"]] += one["outcomes"]["completed"]
        failed[one["day"]] += one["outcomes"]["failed"]
    order = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [
        [(day - date(1970, 1, 1)).total_seconds() for day in order],
        [float(completed[day.isoformat()]) for day in order],
        [float(failed[day.isoformat()]) for day in order],
    ]


def today_of(days: Sequence[dict[str, Any]], day: date) -> Today:
    """Return what a day came to, of all its providers."""
    outcomes: Counter[str] = Counter()
    captured: defaultdict[str, Decimal] = defaultdict(Decimal)
    refunded: defaultdict[str, Decimal] = defaultdict(Decimal)
    payments = 0
    for one in days:
        if one["day"] == day.isoformat():
            payments += one["payments"]
            outcomes.update(one["outcomes"])
            captured[one["currency"]] += Decimal(one["captured"])
            refunded[one["currency"]] += Decimal(one["refunded"])
    ended = sum(outcomes[name] for name in ("completed", "failed", "cancelled", "expired"))
    return Today(
        payments=payments,
        success_rate=outcomes["completed"] / ended if ended else None,
        amounts={
            currency: (f"{captured[currency]:f}", f"{refunded[currency]:f}")
            for currency in sorted(captured)
        },
    )
