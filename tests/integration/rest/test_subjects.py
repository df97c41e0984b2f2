"""Forgetting people over REST: who may, whom, and what is answered."""

from __future__ import annotations

from uuid import uuid4

import httpx

from tests.integration.rest.shop import Shop


async def forget(
    shop: Shop, reference: str, *, tenant: str = "acme", key: str = "admin"
) -> httpx.Response:
    return await shop.api.post(
        "/api/v1/subjects/forget",
        json={"tenantId": tenant, "reference": reference, "reason": "asked by letter"},
        headers=shop.installation.authorization(key),
    )


def somebody() -> str:
    return f"customer-{uuid4().hex[:12]}"


async def test_a_customer_is_forgotten_once_and_may_come_back(shop: Shop) -> None:
    reference = somebody()
    await shop.opened_payment(customer={"reference": reference, "name": "Ana"})

    first, again = await forget(shop, reference), await forget(shop, reference)

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert first.json().keys() == {"tenantId", "forgottenAt"}
    assert "Consistency-Token" in first.headers
    await shop.opened_payment(customer={"reference": reference, "name": "Ana"})
    later = await forget(shop, reference)
    assert later.json()["forgottenAt"] > first.json()["forgottenAt"]


async def test_nobody_of_that_reference_is_told_and_no_more(shop: Shop) -> None:
    reference = somebody()
    await shop.opened_payment(customer={"reference": reference})

    unknown, anothers = (
        await forget(shop, somebody()),
        await forget(shop, reference, tenant="rival"),
    )

    for answer in (unknown, anothers):
        assert (answer.status_code, answer.json()["code"]) == (404, "subject_not_found")
    assert {name: unknown.json()[name] for name in ("title", "detail")} == {
        name: anothers.json()[name] for name in ("title", "detail")
    }


async def test_an_order_service_forgets_nobody(shop: Shop) -> None:
    assert (await forget(shop, somebody(), key="acme")).status_code == 403
