"""``GET /audit`` over a real MongoDB."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

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


async def test_says_who_did_what_when_and_why_newest_first(gateway: Gateway) -> None:
    await gateway.record(initiated(PAYPAL_ID), *paid(PAYPAL_ID)[:3])
    await gateway.record(paid(PAYPAL_ID)[3], at=START + timedelta(seconds=1))

    page = await gateway.page("/audit")

    entry = page["data"][0]
    assert UUID(entry.pop("id")).version == 7
    assert entry == {
        "tenantId": "acme",
        "recordedAt": "2026-02-03T04:05:07.789000Z",
        "actor": "key-1",
        "type": "RefundRequested",
        "reason": "late",
        "subject": f"payment-{PAYPAL_ID}",
        "revision": 4,
        "paymentId": PAYPAL_ID,
        "correlationId": "c",
    }
    assert [one["revision"] for one in page["data"]] == [4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("query", "revisions"),
    [
        ("actor=key-1", [5, 4, 3, 2, 1, 0]),
        ("actor=key-2", []),
        ("type=PaymentCompleted", [3]),
        ("type=PaymentCompleted&actor=key-2", []),
        ("from=2026-02-04", []),
        ("to=2026-02-02", []),
        ("from=2026-02-03&to=2026-02-03&type=RefundCompleted", [5]),
    ],
)
async def test_shows_what_was_asked_for(gateway: Gateway, query: str, revisions: list[int]) -> None:
    await gateway.record(initiated(PAYPAL_ID), *paid(PAYPAL_ID))

    answer = await gateway.get(f"/audit?{query}")

    assert [one["revision"] for one in answer.json()["data"]] == revisions


@pytest.mark.parametrize("path", ["/audit", f"/payments/{PAYPAL_ID}/audit"])
async def test_comes_in_pages_that_follow_each_other(gateway: Gateway, path: str) -> None:
    """Events of one command bear the same time; none is lost between two pages."""
    await gateway.record(initiated(PAYPAL_ID), *paid(PAYPAL_ID))
    seen: list[int] = []
    params = {"limit": "1"}
    while True:
        page = await gateway.page(path, **params)
        seen += [one["revision"] for one in page["data"]]
        if page["nextCursor"] is None:
            break
        params["cursor"] = page["nextCursor"]

    assert seen == [5, 4, 3, 2, 1, 0]


async def test_of_a_payment_shows_nothing_of_others(gateway: Gateway) -> None:
    await gateway.record(initiated(PAYPAL_ID))
    await gateway.record(initiated())

    mine = await gateway.get(f"/payments/{PAYPAL_ID}/audit")
    others = await gateway.get(f"/payments/{PAYPAL_ID}/audit", tenant_id="other")

    assert [one["paymentId"] for one in mine.json()["data"]] == [PAYPAL_ID]
    assert others.json()["data"] == []


@pytest.mark.parametrize("query", ["type=Nonsense", "from=now", "cursor=nonsense", "actor="])
async def test_what_makes_no_sense_is_refused(gateway: Gateway, query: str) -> None:
    assert (await gateway.get(f"/audit?{query}")).status_code == 422
