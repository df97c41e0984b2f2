"""A tenant sees nothing of another by any list, and cannot use another's cursor."""

from __future__ import annotations

from typing import Final

import pytest

from tests.integration.query_gateway import (
    PAYPAL_ID,
    Gateway,
    gateway,
    initiated,
    mongodb_uri,
    paid,
)

__all__ = ["gateway", "mongodb_uri"]

LISTS: Final = (
    "/payments?limit=1",
    "/payments?status=CREATED&limit=1",
    "/orders/order-1/payments?limit=1",
    "/stats/daily?limit=1",
    "/events?limit=1",
    "/events?types=PaymentInitiated&limit=1",
    "/audit?limit=1",
    "/audit?type=PaymentInitiated&limit=1",
)


async def two_of_acme(gateway: Gateway) -> None:
    await gateway.record(initiated(PAYPAL_ID), *paid(PAYPAL_ID))
    for provider in ("PAYPAL", "PAGADITO"):
        await gateway.record(initiated(provider=provider))


@pytest.mark.parametrize("path", LISTS)
async def test_a_tenant_without_payments_sees_none(gateway: Gateway, path: str) -> None:
    await two_of_acme(gateway)

    mine = await gateway.get(path)
    others = await gateway.get(path, tenant_id="other")

    assert len(mine.json()["data"]) == 1
    assert others.json() == {"data": [], "nextCursor": None}


@pytest.mark.parametrize("path", LISTS)
async def test_a_tenant_sees_its_own_alone(gateway: Gateway, path: str) -> None:
    await two_of_acme(gateway)
    before = (await gateway.get(path.replace("limit=1", "limit=100"))).json()["data"]

    await gateway.record(initiated(tenant_id="other"), tenant_id="other")

    after = (await gateway.get(path.replace("limit=1", "limit=100"))).json()["data"]
    assert after == before
    assert len((await gateway.get(path, tenant_id="other")).json()["data"]) == 1


@pytest.mark.parametrize("path", LISTS)
async def test_a_cursor_of_another_tenant_is_refused(gateway: Gateway, path: str) -> None:
    await two_of_acme(gateway)
    cursor = (await gateway.get(path)).json()["nextCursor"]
    assert cursor

    answer = await gateway.get(f"{path}&cursor={cursor}", tenant_id="other")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_value")
