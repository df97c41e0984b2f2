"""The last hour by the minute and by provider: charts, and the same in rows of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from payment_gateway.dashboard.series import Series

Provider = dict[str, Any]
Minute = dict[str, Any]

MINUTES: Final = 60
# The rates that are shown are those of so many minutes, the one that runs among them.
RATE_MINUTES: Final = 5
# Each currency has a chart of its own, as amounts of two cannot be compared; of more, the table tells.
CURRENCIES_MAX: Final = 4
_UNPAID: Final = ("failed", "cancelled", "expired")
_MINUTE_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart with a line for each provider.

    Attributes:
        summary: What is to be seen, for those who do not see it.
        labels: Of the lines.
        series: The minutes, in seconds since 1970, then the values of each line; ``None`` where a
            minute says nothing.
        top: Where the values end; ``None`` for where the highest is.
    """

    title: str
    summary: str
    labels: list[str]
    series: Series
    top: float | None = None


def charts_of(providers: Sequence[Provider], now: datetime) -> list[Chart]:
    """Return how payments, their success, the answers' latency and the money went, by provider."""
    if not providers:
        return []
    labels = [one["providerType"] for one in providers]
    names = ", ".join(labels)
    started = _lines(providers, now, _initiated)
    totals = [f"{one['providerType']} {one['payments']['initiated']}" for one in providers]
    return [
        Chart(
            title="Payments a minute",
            summary=f"Payments begun a minute in the last hour: {', '.join(totals)}",
            labels=labels,
            series=started,
        ),
        Chart(
            title=f"Success rate in %, over {RATE_MINUTES} minutes",
            summary=f"Share of ended payments that was paid, by the minute: {names}",
            labels=labels,
            series=_success(providers, now),
            top=100,
        ),
        Chart(
            title="Latency p95 in ms",
            summary=f"What 95 of 100 answers took no longer than, by the minute: {names}",
            labels=labels,
            series=_lines(providers, now, lambda minute: minute["latencyMsP95"], quiet=None),
        ),
        *(_captured(providers, now, currency) for currency in _currencies(providers)),
    ]


def operations(providers: Sequence[Provider], now: datetime) -> Series:
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
        _times(minutes),
        [float(answered[minute]) for minute in minutes],
        [float(lost[minute]) for minute in minutes],
    ]


def payments_a_minute(providers: Sequence[Provider], now: datetime) -> float:
    """Return how many payments a minute began of late, whatever the provider."""
    lines = _lines(providers, now, _initiated)[1:]
    return sum(value or 0 for line in lines for value in line[-RATE_MINUTES:]) / RATE_MINUTES


def rows_of(providers: Sequence[Provider]) -> list[Minute]:
    """Return each minute of each provider in which anything happened, the newest first."""
    rows = [
        {**minute, "providerType": one["providerType"]}
        for one in providers
        for minute in one["minutes"]
    ]
    return sorted(rows, key=lambda row: (-_minute_of(row), row["providerType"]))


def _initiated(minute: Minute) -> float:
    return float(minute["payments"]["initiated"])


def _lines(
    providers: Sequence[Provider],
    now: datetime,
    value: Callable[[Minute], float | None],
    *,
    quiet: float | None = 0.0,
) -> Series:
    """Return a line for each provider, with ``quiet`` for minutes in which nothing happened."""
    minutes = _last_hour(now)
    series = [_times(minutes)]
    for provider in providers:
        told = {_minute_of(one): value(one) for one in provider["minutes"]}
        series.append([told.get(minute, quiet) for minute in minutes])
    return series


def _success(providers: Sequence[Provider], now: datetime) -> Series:
    minutes = _last_hour(now)
    series = [_times(minutes)]
    for provider in providers:
        paid: Counter[int] = Counter()
        ended: Counter[int] = Counter()
        for one in provider["minutes"]:
            # What ended in a minute counts in the rate of that one and of those right after it.
            for minute in range(_minute_of(one), _minute_of(one) + RATE_MINUTES):
                paid[minute] += one["payments"]["completed"]
                ended[minute] += _ended(one["payments"])
        series.append(
            [100 * paid[minute] / ended[minute] if ended[minute] else None for minute in minutes]
        )
    return series


def _ended(payments: dict[str, int]) -> int:
    return payments["completed"] + sum(payments[name] for name in _UNPAID)


def _currencies(providers: Sequence[Provider]) -> list[str]:
    """Return the currencies that moved in the most minutes."""
    moved = Counter(
        money["currency"]
        for one in providers
        for minute in one["minutes"]
        for money in minute["amounts"]
    )
    return sorted(currency for currency, _ in moved.most_common(CURRENCIES_MAX))


def _captured(providers: Sequence[Provider], now: datetime, currency: str) -> Chart:
    def captured(of: Minute | Provider) -> str:
        found = (one["captured"] for one in of["amounts"] if one["currency"] == currency)
        return next(found, "0")

    totals = [f"{one['providerType']} {captured(one)}" for one in providers]
    return Chart(
        title=f"Captured a minute in {currency}",
        summary=f"{currency} captured in the last hour: {', '.join(totals)}",
        labels=[one["providerType"] for one in providers],
        # A line on a screen needs no exact amounts; the tables have them.
        series=_lines(providers, now, lambda minute: float(captured(minute))),
    )


def _last_hour(now: datetime) -> range:
    last = int(now.timestamp()) // _MINUTE_S
    return range(last - MINUTES + 1, last + 1)


def _times(minutes: range) -> list[float | None]:
    return [float(minute * _MINUTE_S) for minute in minutes]


def _minute_of(one: Minute) -> int:
    return int(datetime.fromisoformat(one["at"]).astimezone(UTC).timestamp()) // _MINUTE_S
