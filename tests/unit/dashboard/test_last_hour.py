"""The charts of the last hour: every payment and every cent is in one minute of one provider's line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.dashboard.last_hour import (
    CURRENCIES_MAX,
    MINUTES,
    RATE_MINUTES,
    charts_of,
    operations,
    payments_a_minute,
    rows_of,
)

NOW = datetime(2026, 3, 4, 10, 30, 15, tzinfo=UTC)
PAYMENTS, SUCCESS, LATENCY, CAPTURED = range(4)
counts = st.integers(0, 1_000)


def minute(
    ago: int,
    *,
    initiated: int = 0,
    completed: int = 0,
    failed: int = 0,
    captured: dict[str, str] | None = None,
    latency_ms_p95: int | None = None,
    calls: tuple[int, int, int] = (0, 0, 0),
) -> dict[str, Any]:
    at = NOW.replace(second=0) - timedelta(minutes=ago)
    ended = {"completed": completed, "failed": failed, "cancelled": 0, "expired": 0}
    return {
        "at": at.isoformat().replace("+00:00", "Z"),
        **dict(zip(("successes", "failures", "unknowns"), calls, strict=True)),
        "payments": {"initiated": initiated, **ended},
        "latencyMsP95": latency_ms_p95,
        "amounts": [
            {"currency": currency, "captured": amount, "refunded": "0.00"}
            for currency, amount in (captured or {}).items()
        ],
    }


def provider(name: str, minutes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    initiated = sum(one["payments"]["initiated"] for one in minutes)
    return {
        "providerType": name,
        "minutes": list(minutes),
        "payments": {"initiated": initiated},
        "amounts": [money for one in minutes for money in one["amounts"]],
    }


parts = st.lists(
    st.tuples(st.integers(0, MINUTES - 1), counts), max_size=4, unique_by=lambda x: x[0]
)


@given(parts, parts)
def test_each_payment_is_in_one_minute_of_its_providers_line(
    paypal: list[tuple[int, int]], pagadito: list[tuple[int, int]]
) -> None:
    providers = [
        provider(name, [minute(ago, initiated=number) for ago, number in part])
        for name, part in (("PAYPAL", paypal), ("PAGADITO", pagadito))
    ]

    chart = charts_of(providers, NOW)[PAYMENTS]

    at, *lines = chart.series
    assert chart.labels == ["PAYPAL", "PAGADITO"]
    assert at[-1] == NOW.replace(second=0).timestamp()
    assert [len(one) for one in (at, *lines)] == [MINUTES] * 3
    for line, part in zip(lines, (paypal, pagadito), strict=True):
        assert {59 - place: value for place, value in enumerate(line) if value} == {
            ago: number for ago, number in part if number
        }
    late = sum(number for ago, number in (*paypal, *pagadito) if ago < RATE_MINUTES)
    assert payments_a_minute(providers, NOW) == late / RATE_MINUTES


@given(st.lists(st.tuples(st.integers(0, MINUTES - 1), counts, counts, counts), max_size=8))
def test_each_operation_is_counted_once(told: list[tuple[int, int, int, int]]) -> None:
    shown = [minute(ago, calls=(yes, no, lost)) for ago, yes, no, lost in told]
    providers = [provider("PAYPAL", shown[:4]), provider("PAGADITO", shown[4:])]

    at, answered, lost = operations(providers, NOW)

    assert len(at) == len(answered) == len(lost) == MINUTES
    assert sum(one or 0 for one in answered) == sum(one[1] for one in told)
    assert sum(one or 0 for one in lost) == sum(one[2] + one[3] for one in told)


def test_a_success_rate_is_that_of_a_few_minutes_and_missing_where_nothing_ended() -> None:
    paypal = provider("PAYPAL", [minute(9, completed=3), minute(8, completed=0, failed=1)])

    chart = charts_of([paypal], NOW)[SUCCESS]

    assert chart.top == 100
    assert chart.series[1][-12:] == [None, None, 100, 75, 75, 75, 75, 0, None, None, None, None]


def test_a_latency_is_missing_where_nothing_was_answered() -> None:
    paypal = provider("PAYPAL", [minute(2, latency_ms_p95=300), minute(1)])

    assert charts_of([paypal], NOW)[LATENCY].series[1][-3:] == [300, None, None]


def test_each_currency_has_a_chart_of_what_was_captured() -> None:
    paypal = provider("PAYPAL", [minute(1, captured={"USD": "19.99", "JPY": "500"})])
    pagadito = provider("PAGADITO", [minute(0, captured={"USD": "0.01"})])

    yen, dollars = charts_of([paypal, pagadito], NOW)[CAPTURED:]

    assert yen.title == "Captured a minute in JPY"
    assert [line[-2:] for line in yen.series[1:]] == [[500, 0], [0, 0]]
    assert [line[-2:] for line in dollars.series[1:]] == [[19.99, 0], [0, 0.01]]
    assert dollars.summary == "USD captured in the last hour: PAYPAL 19.99, PAGADITO 0.01"


def test_of_many_currencies_those_that_moved_most_often_have_charts() -> None:
    often = [minute(ago, captured={"USD": "1.00"}) for ago in (3, 2)]
    once = minute(1, captured={f"XX{letter}": "1.00" for letter in "ABCDEFG"})

    charts = charts_of([provider("PAYPAL", [*often, once])], NOW)[CAPTURED:]

    assert len(charts) == CURRENCIES_MAX
    assert charts[0].title.endswith("USD")


def test_rows_have_the_newest_minute_first() -> None:
    rows = rows_of([provider("PAYPAL", [minute(2), minute(1)]), provider("PAGADITO", [minute(1)])])

    assert [(row["at"][11:16], row["providerType"]) for row in rows] == [
        ("10:29", "PAGADITO"),
        ("10:29", "PAYPAL"),
        ("10:28", "PAYPAL"),
    ]


@pytest.mark.parametrize("providers", [[], [provider("PAYPAL", [])]])
def test_an_hour_in_which_nothing_happened_is_empty(providers: list[dict[str, Any]]) -> None:
    assert payments_a_minute(providers, NOW) == 0
    assert rows_of(providers) == []
    assert sum(len(chart.series) - 1 for chart in charts_of(providers, NOW)) == 3 * len(providers)
