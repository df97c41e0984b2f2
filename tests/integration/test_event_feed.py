"""``GET /events`` over a real MongoDB: a tenant's events in one sequence that can be gone on with."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from payment_gateway.infrastructure.persistence.mongodb import Document
from projections import event_feed
from projections.cursor import encode_place
from projections.event_feed_queries import Place, criteria
from tests.integration.query_gateway import (
    PAYPAL_ID,
    Gateway,
    gateway,
    initiated,
    mongodb_uri,
    paid,
)

__all__ = ["gateway", "mongodb_uri"]


async def read_on(gateway: Gateway, cursor: str | None, **params: str) -> tuple[list[Any], str]:
    """Return all that follows a cursor, and the cursor of what is to come."""
    seen: list[Any] = []
    at = {"cursor": cursor} if cursor else {}
    while True:
        page = await gateway.page("/events", **params, **at)
        seen += page["data"]
        if page["nextCursor"] is None:
            return seen, at["cursor"]
        at = {"cursor": page["nextCursor"]}


async def test_shows_every_event_as_its_payments_history_does(gateway: Gateway) -> None:
    other_id = await gateway.record(initiated(provider="PAGADITO", currency="JPY"))
    await gateway.record(initiated(PAYPAL_ID), *paid(PAYPAL_ID))
    await gateway.record(initiated(tenant_id="other"), tenant_id="other")

    seen, _ = await read_on(gateway, None)

    histories = [
        (await gateway.page(f"/payments/{payment_id}/events"))["data"]
        for payment_id in (other_id, PAYPAL_ID)
    ]
    assert seen == [*histories[0], *histories[1]]
    assert seen[0]["data"]["amount"] == "1999"


@pytest.mark.parametrize("limit", ["1", "3", "100"])
async def test_who_goes_on_from_a_cursor_meets_each_event_once(
    gateway: Gateway, limit: str
) -> None:
    await gateway.record(initiated(PAYPAL_ID), *paid(PAYPAL_ID)[:3])
    before, cursor = await read_on(gateway, None, limit=limit)
    await gateway.record(*paid(PAYPAL_ID)[3:])
    second_id = await gateway.record(initiated())

    after, _ = await read_on(gateway, cursor, limit=limit)

    assert [event["revision"] for event in before] == [0, 1, 2, 3]
    assert [(event["paymentId"], event["revision"]) for event in after] == [
        (PAYPAL_ID, 4),
        (PAYPAL_ID, 5),
        (second_id, 0),
    ]


async def test_of_nothing_is_an_empty_page(gateway: Gateway) -> None:
    assert await gateway.page("/events") == {"data": [], "nextCursor": None}


async def test_shows_only_the_types_asked_for(gateway: Gateway) -> None:
    await gateway.record(initiated(PAYPAL_ID), *paid(PAYPAL_ID))

    seen, _ = await read_on(gateway, None, types="RefundCompleted,PaymentCompleted", limit="1")

    assert [event["type"] for event in seen] == ["PaymentCompleted", "RefundCompleted"]


@pytest.mark.parametrize(
    "query",
    [
        "types=Nonsense",
        "types=PaymentCompleted,,",
        "types=TenantCreated",
        "cursor=nonsense",
        "limit=0",
        "limit=101",
        "types=" + "A" * 2000,
    ],
)
async def test_what_makes_no_sense_is_refused(gateway: Gateway, query: str) -> None:
    assert (await gateway.get(f"/events?{query}")).status_code == 422


async def test_a_cursor_of_another_tenant_or_of_a_place_that_is_gone_is_refused(
    gateway: Gateway,
) -> None:
    await gateway.record(initiated())
    cursor = (await gateway.page("/events"))["nextCursor"]
    gone = encode_place("acme", Place(1, str(uuid4())))
    beyond = encode_place("acme", Place(7, str(uuid4())))

    answers = [
        await gateway.get(f"/events?cursor={cursor}", tenant_id="other"),
        await gateway.get(f"/events?cursor={gone}"),
        await gateway.get(f"/events?cursor={beyond}"),
    ]

    assert [answer.status_code for answer in answers] == [422, 422, 422]


async def test_delivering_everything_again_changes_nothing(gateway: Gateway) -> None:
    await gateway.record(initiated(PAYPAL_ID), *paid(PAYPAL_ID))
    collection = gateway.collection(event_feed.MODEL)
    before: list[Document] = await collection.find().sort("_id").to_list(100)

    await gateway.project((await gateway.store.read(f"payment-{PAYPAL_ID}")).events)

    assert await collection.find().sort("_id").to_list(100) == before


@pytest.mark.parametrize("sequence", [0, 3])
@pytest.mark.parametrize(
    "types", [(), ("PaymentCompleted",), ("PaymentCompleted", "PaymentFailed")]
)
async def test_is_read_from_an_index_in_its_order(
    gateway: Gateway, sequence: int, types: tuple[str, ...]
) -> None:
    await gateway.record(initiated(PAYPAL_ID), *paid(PAYPAL_ID))
    found = (
        gateway.collection(event_feed.MODEL)
        .find(criteria("acme", sequence, types))
        .sort([("sequence", 1)])
        .limit(25)
    )

    plan = str((await found.explain())["queryPlanner"]["winningPlan"])

    assert "IXSCAN" in plan
    assert "COLLSCAN" not in plan
    assert "'SORT'" not in plan
