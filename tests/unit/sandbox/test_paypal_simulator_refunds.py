"""Refunds of the simulated PayPal: in full, in part, never more than was captured."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sandbox.providers.paypal.rules import PayPalRules
from tests.unit.sandbox.paypal_merchant import (
    PayPalMerchant,
    issues,
    order,
    paypal_merchant,
    unit,
)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[PayPalMerchant]:
    async with paypal_merchant(tmp_path) as merchant:
        yield merchant


def part(value: str, currency: str = "USD", **more: Any) -> dict[str, Any]:
    return {"amount": {"currency_code": currency, "value": value}} | more


async def capture_status(shop: PayPalMerchant, capture_id: str) -> str:
    status: str = (await shop.get(f"/v2/payments/captures/{capture_id}")).json()["status"]
    return status


async def test_in_full(shop: PayPalMerchant) -> None:
    capture_id = await shop.captured()
    answer = await shop.refund(capture_id, key="r1")
    refund = answer.json()
    assert (answer.status_code, refund["status"]) == (201, "COMPLETED")
    assert refund["amount"] == {"currency_code": "USD", "value": "15.50"}
    assert await capture_status(shop, capture_id) == "REFUNDED"
    assert issues(await shop.refund(capture_id, key="r2")) == ["CAPTURE_FULLY_REFUNDED"]


async def test_in_parts_up_to_what_was_captured(shop: PayPalMerchant) -> None:
    capture_id = await shop.captured()
    body = part("5.50", invoice_id="R-1", custom_id="p1", note_to_payer="Sorry")
    first = (await shop.refund(capture_id, body)).json()
    assert first["seller_payable_breakdown"]["total_refunded_amount"]["value"] == "5.50"
    assert (first["invoice_id"], first["custom_id"], first["note_to_payer"]) == (
        "R-1",
        "p1",
        "Sorry",
    )
    assert await capture_status(shop, capture_id) == "PARTIALLY_REFUNDED"
    assert issues(await shop.refund(capture_id, part("10.01"))) == ["REFUND_AMOUNT_EXCEEDED"]
    second = (await shop.refund(capture_id, part("10.00"))).json()
    assert second["amount"]["value"] == "10.00"
    assert second["seller_payable_breakdown"]["total_refunded_amount"]["value"] == "15.50"
    assert await capture_status(shop, capture_id) == "REFUNDED"
    books = await shop.ledger()
    assert [refund["amount"] for refund in books["refunds"]] == ["5.50", "10.00"]
    assert (books["captures"][0]["amount"], books["captures"][0]["refunded"]) == ("15.50", "15.50")


async def test_can_be_read_again(shop: PayPalMerchant) -> None:
    capture_id = await shop.captured()
    made = (await shop.refund(capture_id, part("1.00"))).json()
    read = await shop.get(f"/v2/payments/refunds/{made['id']}")
    assert (read.status_code, read.json()) == (200, made)
    up = [link["href"] for link in made["links"] if link["rel"] == "up"]
    assert up[0].endswith(f"/v2/payments/captures/{capture_id}")


async def test_minimal_is_the_default(shop: PayPalMerchant) -> None:
    capture_id = await shop.captured()
    answer = await shop.post(f"/v2/payments/captures/{capture_id}/refund", Prefer="return=minimal")
    assert answer.json().keys() == {"id", "status", "links"}


async def test_the_same_request_id_refunds_once(shop: PayPalMerchant) -> None:
    capture_id = await shop.captured()
    answers = [await shop.refund(capture_id, part("5.00"), key="r") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json() == answers[1].json()
    await shop.advance_clock(45 * 24 * 3600 - 60)
    await shop.log_in()
    assert (await shop.refund(capture_id, part("5.00"), key="r")).status_code == 200
    await shop.advance_clock(60)
    assert (await shop.refund(capture_id, part("5.00"), key="r")).status_code == 201


async def test_many_at_once_never_exceed_the_capture(shop: PayPalMerchant) -> None:
    capture_id = await shop.captured()
    answers = await asyncio.gather(
        *(shop.refund(capture_id, part("4.00"), key=f"r{number}") for number in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [*[201] * 3, *[422] * 5]
    refunded = sum(Decimal(refund["amount"]) for refund in (await shop.ledger())["refunds"])
    assert refunded == Decimal("12.00")


@pytest.mark.parametrize(
    ("body", "issue"),
    [
        (part("0.00"), "CANNOT_BE_ZERO_OR_NEGATIVE"),
        (part("-1.00"), "CANNOT_BE_ZERO_OR_NEGATIVE"),
        (part("1.001"), "DECIMAL_PRECISION"),
        (part("1.00", "EUR"), "REFUND_CAPTURE_CURRENCY_MISMATCH"),
        (part("1.00", "GTQ"), "INVALID_CURRENCY_CODE"),
        (part("ten"), "INVALID_PARAMETER_SYNTAX"),
        (part("1.00", note_to_payer="x" * 256), "INVALID_STRING_LENGTH"),
    ],
)
async def test_a_wrong_amount(shop: PayPalMerchant, body: dict[str, Any], issue: str) -> None:
    capture_id = await shop.captured()
    assert issues(await shop.refund(capture_id, body)) == [issue]
    assert await capture_status(shop, capture_id) == "COMPLETED"


async def test_decimals_of_a_currency_that_has_none(shop: PayPalMerchant) -> None:
    capture_id = await shop.captured(order(unit("1500", "JPY")))
    assert issues(await shop.refund(capture_id, part("1.5", "JPY"))) == ["DECIMALS_NOT_SUPPORTED"]


async def test_an_invoice_id_is_used_once(shop: PayPalMerchant) -> None:
    capture_id = await shop.captured()
    await shop.refund(capture_id, part("1.00", invoice_id="R-1"))
    answer = await shop.refund(capture_id, part("1.00", invoice_id="R-1"))
    assert issues(answer) == ["DUPLICATE_INVOICE_ID"]


async def test_not_while_the_capture_is_in_review(shop: PayPalMerchant) -> None:
    capture_id = await shop.captured(funding="review")
    assert issues(await shop.refund(capture_id)) == ["PENDING_CAPTURE"]
    path = f"/_control/captures/{capture_id}/settle"
    await shop.http.post(path, json={"status": "DECLINED"})
    assert issues(await shop.refund(capture_id)) == ["REFUND_NOT_ALLOWED"]


async def test_not_after_half_a_year(shop: PayPalMerchant) -> None:
    capture_id = await shop.captured()
    await shop.advance_clock(180 * 24 * 3600 + 1)
    await shop.log_in()
    assert issues(await shop.refund(capture_id)) == ["REFUND_TIME_LIMIT_EXCEEDED"]


async def test_not_more_often_than_the_rules_say(tmp_path: Path) -> None:
    async with paypal_merchant(tmp_path, PayPalRules(refunds_max=1)) as shop:
        capture_id = await shop.captured()
        await shop.refund(capture_id, part("1.00"))
        answer = await shop.refund(capture_id, part("1.00"))
        assert issues(answer) == ["MAX_NUMBER_OF_REFUNDS_EXCEEDED"]


async def test_not_by_strangers_and_not_of_nothing(shop: PayPalMerchant) -> None:
    stranger = PayPalMerchant(shop.http, "stranger")
    await stranger.register()
    capture_id = await shop.captured()
    assert issues(await stranger.refund(capture_id)) == ["PERMISSION_DENIED"]
    refund_id = (await shop.refund(capture_id)).json()["id"]
    assert (await stranger.get(f"/v2/payments/refunds/{refund_id}")).status_code == 403
    assert issues(await shop.refund("NOTHING")) == ["INVALID_RESOURCE_ID"]
    assert (await shop.get("/v2/payments/refunds/NOTHING")).status_code == 404
