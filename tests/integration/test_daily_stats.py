"""``GET /stats/daily`` over a real MongoDB."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from payment_gateway.domain.events.payment import PaymentFailedEvent, ProviderAttemptStartedEvent
from tests.integration.query_gateway import (
    PAYPAL_ID,
    START,
    Gateway,
    gateway,
    initiated,
    mongodb_uri,
    paid,
)

__all__ = ["gateway", "mongodb_uri"]

NIGHT = datetime(2026, 2, 3, 23, 59, 59, 999_999, tzinfo=UTC)


def places(page: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(day["day"], day["providerType"], day["currency"]) for day in page["data"]]


async def test_shows_counts_amounts_rate_and_time(gateway: Gateway) -> None:
    await gateway.record(initiated(PAYPAL_ID))
    await gateway.record(*paid(PAYPAL_ID), at=START + timedelta(seconds=42))
    failed_id = await gateway.record(initiated())
    await gateway.record(PaymentFailedEvent(payment_id=failed_id, reason="REFUSED"))
    await gateway.record(initiated())

    page = await gateway.page("/stats/daily")

    assert page == {
        "data": [
            {
                "day": "2026-02-03",
                "providerType": "PAYPAL",
                "currency": "USD",
                "payments": 3,
                "outcomes": {
                    "completed": 1,
                    "failed": 1,
                    "cancelled": 0,
                    "expired": 0,
                    "unknown": 0,
                    "needsOperator": 0,
                    "open": 1,
                },
                "successRate": 0.5,
                "initiated": "59.97",
                "captured": "19.99",
                "refunded": "5.00",
                "timeToComplete": {"count": 1, "averageS": 42.0, "p50S": 60, "p95S": 60},
            }
        ],
        "nextCursor": None,
    }


async def test_days_providers_and_currencies_stand_apart_oldest_day_first(
    gateway: Gateway,
) -> None:
    await gateway.record(initiated(currency="JPY"), at=NIGHT + timedelta(microseconds=1))
    await gateway.record(initiated(currency="EUR"), at=NIGHT)
    await gateway.record(initiated(provider="PAGADITO"), at=NIGHT)
    await gateway.record(initiated(), at=NIGHT)

    whole = await gateway.page("/stats/daily")
    seen, params = [], {"limit": "1"}
    while True:
        page = await gateway.page("/stats/daily", **params)
        seen += places(page)
        if page["nextCursor"] is None:
            break
        params["cursor"] = page["nextCursor"]

    assert places(whole) == seen
    assert seen == [
        ("2026-02-03", "PAGADITO", "USD"),
        ("2026-02-03", "PAYPAL", "EUR"),
        ("2026-02-03", "PAYPAL", "USD"),
        ("2026-02-04", "PAYPAL", "JPY"),
    ]
    assert whole["data"][3]["initiated"] == "1999"


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("", 3),
        ("?from=2026-02-04", 2),
        ("?from=2026-02-04T23:00:00Z", 2),
        ("?to=2026-02-03", 1),
        ("?to=2026-02-04T00:00:00-01:00", 2),
        ("?from=2026-02-04&to=2026-02-04", 1),
        ("?from=2026-02-06", 0),
    ],
)
async def test_shows_the_days_asked_for_both_included(
    gateway: Gateway, query: str, days: int
) -> None:
    for number in range(3):
        await gateway.record(initiated(), at=START + timedelta(days=number))

    answer = await gateway.get(f"/stats/daily{query}")

    assert len(answer.json()["data"]) == days


async def test_a_payment_counts_where_its_fallback_took_it(gateway: Gateway) -> None:
    payment_id = await gateway.record(initiated())
    await gateway.record(
        ProviderAttemptStartedEvent(
            payment_id=payment_id,
            attempt_id="a2",
            attempt=2,
            provider="PAGADITO",
            provider_reference_number="ERN-1",
            handle=None,
        )
    )

    page = await gateway.page("/stats/daily")

    assert places(page) == [("2026-02-03", "PAGADITO", "USD")]


@pytest.mark.parametrize("query", ["from=now", "to=2026-02-30", "limit=101", "cursor=WyJkIl0"])
async def test_what_makes_no_sense_is_refused(gateway: Gateway, query: str) -> None:
    assert (await gateway.get(f"/stats/daily?{query}")).status_code == 422
