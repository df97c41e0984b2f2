"""``ETag`` and ``If-Match``: a command for a revision that is no longer so is refused, also in a race."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import httpx
import pytest

from tests.integration.rest.shop import Shop, nothing_happens, order, refusal, send


async def refund(shop: Shop, payment_id: str, tag: str, amount: str = "1.00") -> httpx.Response:
    body = {"tenantId": "acme", "paymentId": payment_id, "amount": amount}
    return await shop.api.post("/api/v1/payments/refund", json=body, headers={"If-Match": tag})


async def tag_of(shop: Shop, payment_id: str) -> str:
    """Return the tag of a payment as its completion, which changes nothing, tells it."""
    return str((await shop.complete(payment_id)).headers["etag"])


async def test_the_revision_it_was_decided_on(shop: Shop) -> None:
    paid = await shop.paid_payment()
    tag = await tag_of(shop, paid)
    given = await refund(shop, paid, tag)
    assert given.status_code == 200
    assert given.headers["etag"] != tag
    async with nothing_happens(shop):
        assert refusal(await refund(shop, paid, tag)) == (412, "precondition_failed", "If-Match")
    assert (await refund(shop, paid, f'"0", {given.headers["etag"]}')).status_code == 200


@pytest.mark.parametrize("name", ["complete", "cancel"])
async def test_of_every_command_on_a_payment(shop: Shop, name: str) -> None:
    opened = await shop.initiate()
    more = {"providerType": "PAYPAL"} if name == "complete" else {}
    body = {"tenantId": "acme", "paymentId": opened.json()["paymentId"], **more}
    path, tag = f"/api/v1/payments/{name}", opened.headers["etag"]
    for wrong in ('"99"', f"W/{tag}"):
        async with nothing_happens(shop):
            answer = await shop.api.post(path, json=body, headers={"If-Match": wrong})
        assert refusal(answer)[:2] == (412, "precondition_failed")
    await shop.approve(opened.json()["checkoutUrl"])
    right = await shop.api.post(path, json=body, headers={"If-Match": tag})
    assert right.status_code == 200, right.text


async def test_any_revision(shop: Shop) -> None:
    assert (await refund(shop, await shop.paid_payment(), "*")).status_code == 200


async def test_of_ten_for_the_same_revision_one_is_carried_out(shop: Shop) -> None:
    paid = await shop.paid_payment()
    tag = await tag_of(shop, paid)
    answers = await asyncio.gather(*(refund(shop, paid, tag) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 9
    assert len(await shop.books("refunds", paid)) == 1


async def test_what_is_no_tag_is_refused(shop: Shop) -> None:
    answer = await refund(shop, await shop.paid_payment(), "3")
    assert refusal(answer) == (422, "invalid_value", "If-Match")


async def test_what_is_not_there_yet_is_at_no_revision(shop: Shop) -> None:
    headers = {"If-Match": '"0"'}
    async with nothing_happens(shop):
        answer = await shop.api.post("/api/v1/payments/initiate", json=order(), headers=headers)
    assert refusal(answer)[:2] == (412, "precondition_failed")


async def test_tenants_and_credentials_have_revisions_too(shop: Shop) -> None:
    tenant_id = f"t{uuid4().hex[:10]}"
    made = await send(shop, "/api/v1/tenants", "admin", {"tenantId": tenant_id, "name": "A"})
    admin = shop.installation.authorization("admin")
    path = f"/api/v1/tenants/{tenant_id}"
    headers = {**admin, "If-Match": made.headers["etag"]}
    changed = await shop.api.patch(path, json={"name": "B"}, headers=headers)
    assert changed.status_code == 200
    again = await shop.api.patch(path, json={"name": "C"}, headers=headers)
    assert refusal(again) == (412, "precondition_failed", "If-Match")
    assert changed.headers["consistency-token"]


async def test_a_repetition_under_a_key_is_answered_though_it_moved(shop: Shop) -> None:
    paid = await shop.paid_payment()
    body = {"tenantId": "acme", "paymentId": paid, "amount": "1.00"}
    headers = {"If-Match": await tag_of(shop, paid), "Idempotency-Key": f"key-{uuid4()}"}
    first = await shop.api.post("/api/v1/payments/refund", json=body, headers=headers)
    again = await shop.api.post("/api/v1/payments/refund", json=body, headers=headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.content == again.content
