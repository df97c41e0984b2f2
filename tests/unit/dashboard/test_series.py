"""What the overview makes of the answers it gets: nothing is lost on the way, nothing is made up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.dashboard.series import day_series, today_of

NOW = datetime(2026, 3, 4, 10, 30, 15, tzinfo=UTC)
TODAY = NOW.date()


def day(
    on: date, *, completed: int = 0, failed: int = 0, currency: str = "USD", captured: str = "0.00"
) -> dict[str, Any]:
    outcomes = {"completed": completed, "failed": failed, "cancelled": 0, "expired": 0, "open": 0}
    return {
        "day": on.isoformat(),
        "currency": currency,
        "payments": completed + failed,
        "outcomes": outcomes,
        "captured": captured,
        "refunded": "0.00",
    }


def test_providers_and_currencies_of_a_day_are_one_point() -> None:
    days = [day(TODAY, completed=2), day(TODAY, completed=3, failed=1, currency="EUR")]
    days.insert(0, day(TODAY - timedelta(days=1), failed=4))
    at, completed, failed = day_series(days, first=TODAY - timedelta(days=2), last=TODAY)
    assert [datetime.fromtimestamp(one or 0, UTC).date() for one in at] == [
        TODAY - timedelta(days=2),
        TODAY - timedelta(days=1),
        TODAY,
    ]
    assert (completed, failed) == ([0, 0, 5], [0, 4, 1])


@given(st.lists(st.decimals(0, 10_000, places=2), max_size=5))
def test_amounts_are_added_exactly_by_currency(amounts: list[Decimal]) -> None:
    days = [day(TODAY, captured=f"{one:f}") for one in amounts]
    days.append(day(TODAY, currency="JPY", captured="500"))
    days.append(day(TODAY - timedelta(days=1), captured="7.00"))
    shown = today_of(days, TODAY).amounts
    assert shown["JPY"][0] == "500"
    assert Decimal(shown.get("USD", ("0", "0"))[0]) == sum(amounts)


def test_a_rate_of_nothing_is_unknown() -> None:
    assert today_of([], TODAY).success_rate is None
    assert today_of([day(TODAY, completed=3, failed=1)], TODAY).success_rate == 0.75
