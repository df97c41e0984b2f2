"""A suspended tenant commands nothing; what it has begun is finished."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.integration.rest.installation import client
from tests.integration.rest.shop import Shop, order, send

TENANTS = "/api/v1/tenants"


async def patch(shop: Shop, tenant_id: str, **changes: object) -> httpx.Response:
    headers = shop.installation.authorization("admin")
    return await shop.api.patch(f"{TENANTS}/{tenant_id}", json=changes, headers=headers)


async def codes_of_commands(shop: Shop, payment_id: str) -> set[tuple[int, str]]:
    answers = [
        await shop.initiate(),
        await shop.complete(payment_id),
        await shop.command("refund", payment_id),
        await shop.command("cancel", payment_id),
        await shop.api.post(
            "/api/v1/payments/split",
            json={
                "tenantId": "acme",
                "orderId": "order-1",
                "currency": "USD",
                "amount": "2.00",
                "parts": [
                    {"providerType": one, "amount": "1.00"} for one in ("PAYPAL", "PAGADITO")
                ],
            },
        ),
    ]
    return {(answer.status_code, answer.json()["code"]) for answer in answers}


async def test_while_suspended_payers_still_pay_and_nobody_commands(shop: Shop) -> None:
    opened = await shop.opened_payment()
    back = await shop.approve(opened["checkoutUrl"])
    suspended = await patch(shop, "acme", status="SUSPENDED", reason="invoice open")
    try:
        assert suspended.json()["status"] == "SUSPENDED"
        assert await codes_of_commands(shop, opened["paymentId"]) == {(403, "tenant_suspended")}
        async with client(shop.installation.url) as browser:
            assert (await browser.get(back)).status_code == 200
        history = await shop.history(opened["paymentId"])
        assert history[-1] == "PaymentCompleted"
        shown = await shop.api.get(f"/api/v1/payments/{opened['paymentId']}/events")
        assert shown.status_code == 200
    finally:
        resumed = await patch(shop, "acme", status="ACTIVE", reason="invoice paid")
    assert resumed.json()["status"] == "ACTIVE"
    assert (await shop.command("refund", opened["paymentId"])).status_code == 200
    stored = await shop.store.read("tenant-acme")
    last = [(one.type, one.context.reason) for one in stored.events[-2:]]
    assert last == [("TenantSuspended", "invoice open"), ("TenantResumed", "invoice paid")]


async def test_a_deleted_tenant_commands_nothing_for_good(shop: Shop) -> None:
    tenant = f"t-{uuid4().hex[:8]}"
    admin = shop.installation.authorization("admin")
    await send(shop, TENANTS, "admin", {"tenantId": tenant})
    wanted = {"tenantId": tenant, "roles": ["order-service"]}
    key = (await send(shop, "/api/v1/apikeys", "admin", wanted)).json()["key"]
    for _ in range(2):
        deleted = await shop.api.delete(
            f"{TENANTS}/{tenant}", headers=admin, params={"reason": "contract ended"}
        )
        assert (deleted.status_code, deleted.json()["status"]) == (200, "DELETED")
    headers = {"Authorization": f"Bearer {key}"}
    body = order(tenantId=tenant)
    refused = await shop.api.post("/api/v1/payments/initiate", json=body, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "tenant_deleted")
    again = await send(shop, TENANTS, "admin", {"tenantId": tenant})
    assert (again.status_code, again.json()["code"]) == (409, "tenant_exists")
    changed = await patch(shop, tenant, status="ACTIVE")
    assert (changed.status_code, changed.json()["code"]) == (403, "tenant_deleted")
    shown = await shop.api.get(f"{TENANTS}/{tenant}", headers=admin)
    assert shown.json()["status"] == "DELETED"


@pytest.mark.parametrize("limit", [1, 100])
async def test_are_listed_by_id_in_pages(shop: Shop, limit: int) -> None:
    headers = shop.installation.authorization("admin")
    found: list[dict[str, Any]] = []
    query: dict[str, str] = {"limit": str(limit)}
    for _ in range(1000):
        page = (await shop.api.get(TENANTS, headers=headers, params=query)).json()
        found += page["data"]
        if page["nextCursor"] is None:
            break
        query["cursor"] = page["nextCursor"]
    ids = [one["tenantId"] for one in found]
    assert ids == sorted(set(ids))
    assert {"acme", "rival", "bare", "mover"} <= set(ids)
