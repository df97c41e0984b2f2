"""Refunds that wait, and disputes, of the simulated PayPal: the books stay right to the cent."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.sandbox.paypal_merchant import PayPalMerchant, issues, paypal_merchant

HALF = {"amount": {"currency_code": "USD", "value": "5.50"}}


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[PayPalMerchant]:
    async with paypal_merchant(tmp_path) as merchant:
        yield merchant


async def control(shop: PayPalMerchant, path: str, **body: Any) -> Any:
    answer = await shop.http.post(f"/_control/{path}", json=body)
    assert answer.is_success, answer.text
    return answer.json()


async def the_capture(shop: PayPalMerchant) -> dict[str, Any]:
    [entry] = (await shop.ledger())["captures"]
    return dict(entry)


async def pending_refund(shop: PayPalMerchant) -> str:
    await control(shop, "scenarios", name="refund-pending-then-completed", afterMs=3_000_000)
    refund = (await shop.refund(await shop.captured(), HALF)).json()
    assert refund["status"] == "PENDING"
    refund_id: str = refund["id"]
    return refund_id


async def test_a_pending_refund_holds_the_money(shop: PayPalMerchant) -> None:
    await pending_refund(shop)
    capture = await the_capture(shop)
    assert (capture["refunded"], capture["status"]) == ("5.50", "PARTIALLY_REFUNDED")
    too_much = await shop.refund(capture["id"], {"amount": {**HALF["amount"], "value": "10.01"}})
    assert issues(too_much) == ["REFUND_AMOUNT_EXCEEDED"]


async def test_a_pending_refund_completes(shop: PayPalMerchant) -> None:
    refund_id = await pending_refund(shop)
    await control(shop, f"refunds/{refund_id}/settle", status="COMPLETED")
    assert (await shop.get(f"/v2/payments/refunds/{refund_id}")).json()["status"] == "COMPLETED"
    again = await shop.http.post(f"/_control/refunds/{refund_id}/settle", json={"status": "FAILED"})
    assert again.status_code == 404
    assert (await the_capture(shop))["refunded"] == "5.50"


async def test_a_failed_refund_gives_the_money_back_to_the_merchant(shop: PayPalMerchant) -> None:
    refund_id = await pending_refund(shop)
    await control(shop, f"refunds/{refund_id}/settle", status="FAILED")
    capture = await the_capture(shop)
    assert (capture["refunded"], capture["status"]) == ("0.00", "COMPLETED")
    assert (await shop.refund(capture["id"])).json()["amount"]["value"] == "15.50"


async def test_a_disputed_capture_can_only_be_refunded_in_full(shop: PayPalMerchant) -> None:
    capture_id = await shop.captured()
    dispute = await control(shop, f"captures/{capture_id}/dispute", reason="UNAUTHORISED")
    assert (dispute["status"], dispute["amount"]) == ("OPEN", "15.50")
    assert issues(await shop.refund(capture_id, HALF)) == ["TRANSACTION_DISPUTED"]
    assert (await shop.refund(capture_id)).status_code == 201


async def test_the_seller_keeps_the_money_of_a_dispute_that_was_won(shop: PayPalMerchant) -> None:
    capture_id = await shop.captured()
    dispute = await control(shop, f"captures/{capture_id}/dispute")
    path = f"disputes/{dispute['id']}/resolve"
    ended = await control(shop, path, outcome="RESOLVED_SELLER_FAVOUR")
    assert (ended["status"], ended["outcome"]) == ("RESOLVED", "RESOLVED_SELLER_FAVOUR")
    assert (await the_capture(shop))["refunded"] == "0.00"
    assert (await shop.refund(capture_id, HALF)).status_code == 201


async def test_a_lost_dispute_takes_back_what_was_left(shop: PayPalMerchant) -> None:
    capture_id = await shop.captured()
    assert (await shop.refund(capture_id, HALF)).status_code == 201
    dispute = await control(shop, f"captures/{capture_id}/dispute")
    assert dispute["amount"] == "10.00"
    await control(shop, f"disputes/{dispute['id']}/resolve", outcome="RESOLVED_BUYER_FAVOUR")
    books = await shop.ledger()
    assert [(entry["amount"], entry["reversal"]) for entry in books["refunds"]] == [
        ("5.50", False),
        ("10.00", True),
    ]
    assert (books["captures"][0]["refunded"], books["captures"][0]["status"]) == (
        "15.50",
        "REFUNDED",
    )
    assert books["captures"][0]["disputeIds"] == [dispute["id"]]
    assert [entry["outcome"] for entry in books["disputes"]] == ["RESOLVED_BUYER_FAVOUR"]


async def test_a_dispute_after_a_full_refund_takes_nothing_twice(shop: PayPalMerchant) -> None:
    capture_id = await shop.captured()
    dispute = await control(shop, f"captures/{capture_id}/dispute")
    assert (await shop.refund(capture_id)).status_code == 201
    await control(shop, f"disputes/{dispute['id']}/resolve", outcome="RESOLVED_BUYER_FAVOUR")
    books = await shop.ledger()
    assert [entry["amount"] for entry in books["refunds"]] == ["15.50"]


async def test_only_held_money_can_be_disputed_and_only_once(shop: PayPalMerchant) -> None:
    capture_id = await shop.captured()
    path = f"/_control/captures/{capture_id}/dispute"
    answers = [await shop.http.post(path, json={}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 404]
    unknown = await shop.http.post("/_control/captures/UNKNOWN/dispute", json={})
    nobody = await shop.http.post(
        "/_control/disputes/PP-R-0/resolve", json={"outcome": "CANCELED_BY_BUYER"}
    )
    assert [unknown.status_code, nobody.status_code] == [404, 404]
