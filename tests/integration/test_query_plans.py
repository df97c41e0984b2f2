"""Every query that a route makes is answered from an index, in its order, and fetches what is shown.

MongoDB's profiler writes down what each route really asked for, and how that was answered.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

import pytest

from payment_gateway.infrastructure.persistence.mongodb import Database, Document
from projections import payment_details
from projections.worker import READ_MODELS
from tests.integration.query_gateway import (
    PAYPAL_ID,
    Gateway,
    first_generation,
    gateway,
    initiated,
    mongodb_uri,
    paid,
)

__all__ = ["gateway", "mongodb_uri"]

# A payment's own page shows all that is kept of it; its document is fetched whole.
WHOLE: Final = first_generation(payment_details.MODEL).collection("")
PLAIN: Final = (
    f"/payments/{PAYPAL_ID}",
    "/payments",
    "/payments?from=2026-02-01&to=2026-02-05",
    *(
        f"/payments?{wanted}{times}"
        for wanted in ("status=CREATED", "provider=PAYPAL", "orderId=order-1")
        for times in ("", "&from=2026-02-01&to=2026-02-05")
    ),
    "/payments?status=CREATED&provider=PAYPAL&orderId=order-1",
    "/orders/order-1/payments",
    "/stats/daily",
    "/stats/daily?from=2026-02-01&to=2026-02-05",
    "/events",
    "/events?types=PaymentInitiated",
    "/events?types=PaymentInitiated,PaymentCompleted",
    *(
        f"/audit?{wanted}{times}"
        for wanted in ("limit=25", "actor=key-1", "type=PaymentInitiated")
        for times in ("", "&from=2026-02-01&to=2026-02-05")
    ),
    f"/payments/{PAYPAL_ID}/audit",
)
UNPAGED: Final = "/providers/health"


@asynccontextmanager
async def profiled(database: Database) -> AsyncGenerator[list[Document], None]:
    """Yield a list that holds every query of the block once it has ended."""
    queries: list[Document] = []
    await database.command("profile", 0)
    await database["system.profile"].drop()
    await database.command("profile", 2)
    try:
        yield queries
    finally:
        await database.command("profile", 0)
    mine = [f"{database.name}.{collection}" for collection in collections()]
    queries += await database["system.profile"].find({"ns": {"$in": mine}}).to_list(None)


def collections() -> list[str]:
    return [
        first_generation(model).collection(part)
        for model in READ_MODELS.values()
        for part in model.parts
    ]


async def four_payments(gateway: Gateway) -> None:
    await gateway.record(initiated(PAYPAL_ID), *paid(PAYPAL_ID))
    for provider in ("PAYPAL", "PAYPAL", "PAGADITO"):
        await gateway.record(initiated(provider=provider))


def assert_from_an_index(queries: list[Document]) -> None:
    assert queries, "it asked nothing"
    for query in queries:
        assert query["op"] == "query", query
        assert query["planSummary"].startswith(("IXSCAN", "IDHACK", "EXPRESS")), query
        assert "COLLSCAN" not in query["planSummary"]
        assert not query.get("hasSortStage"), query
        if not query["ns"].endswith(f".{WHOLE}"):
            assert query["command"].get("projection"), query


@pytest.mark.parametrize("path", [*PLAIN, UNPAGED])
async def test_of_a_first_page(gateway: Gateway, path: str) -> None:
    await four_payments(gateway)

    async with profiled(gateway.database) as queries:
        answer = await gateway.get(path)

    assert answer.status_code == 200, answer.text
    assert_from_an_index(queries)


@pytest.mark.parametrize("path", [path for path in PLAIN[1:] if "Completed" not in path])
async def test_of_the_page_after(gateway: Gateway, path: str) -> None:
    await four_payments(gateway)
    mark = "&" if "?" in path else "?"
    path = path.replace("?limit=25", "?")
    first = (await gateway.get(f"{path}{mark}limit=1")).json()
    assert first["nextCursor"], "there is more than a page"

    async with profiled(gateway.database) as queries:
        answer = await gateway.get(f"{path}{mark}limit=1&cursor={first['nextCursor']}")

    assert answer.status_code == 200, answer.text
    assert_from_an_index(queries)
