"""Numbers as charts want them: one list of times, one list of values for each line."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

Series = list[list[float | None]]
MINUTES: Final = 60
# The rate that is shown as a number is that of so many minutes, the one that runs among them.
RATE_MINUTES: Final = 5
_MINUTE_S: Final = 60


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


def minute_series(providers: Sequence[dict[str, Any]], now: datetime) -> Series:
    """Return the last hour's minutes in order, and for each what was answered and what was not.

    Minutes in which nothing ended are zero, not missing: a gap would be drawn as a slope.
    """
    answered: Counter[int] = Counter()
    lost: Counter[int] = Counter()
    for provider in providers:
        for one in provider["minutes"]:
            minute = _minute_of(one)
            answered[minute] += one["successes"]
            lost[minute] += one["failures"] + one["unknowns"]
    minutes = _last_hour(now)
    return [
        [float(minute * _MINUTE_S) for minute in minutes],
        [float(answered[minute]) for minute in minutes],
        [float(lost[minute]) for minute in minutes],
    ]


def provider_series(providers: Sequence[dict[str, Any]], now: datetime) -> Series:
    """Return the last hour's minutes in order, and for each provider how many operations ended in each."""
    minutes = _last_hour(now)
    series: Series = [[float(minute * _MINUTE_S) for minute in minutes]]
    for provider in providers:
        ended: Counter[int] = Counter()
        for one in provider["minutes"]:
            ended[_minute_of(one)] += one["successes"] + one["failures"] + one["unknowns"]
        series.append([float(ended[minute]) for minute in minutes])
    return series


def rate_of(series: Series) -> float:
    """Return how many operations a minute ended of late, of all lines of a chart together."""
    return sum(value or 0 for line in series[1:] for value in line[-RATE_MINUTES:]) / RATE_MINUTES


def _last_hour(now: datetime) -> range:
    last = int(now.timestamp()) // _MINUTE_S
    return range(last - MINUTES + 1, last + 1)


def _minute_of(one: dict[str, Any]) -> int:
    return int(datetime.fromisoformat(one["at"]).astimezone(UTC).timestamp()) // _MINUTE_S


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
