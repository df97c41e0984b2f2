"""Orders of the simulated PayPal: what can be created, and what the payer sees."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.sandbox.paypal_merchant import (
    ORIGIN,
    PayPalMerchant,
    issues,
    order,
    paypal_merchant,
    unit,
)

USD_1 = {"currency_code": "USD", "value": "1.00"}
ITEM = {"name": "Tea", "quantity": "2", "unit_amount": {"currency_code": "USD", "value": "7.00"}}


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[PayPalMerchant]:
    async with paypal_merchant(tmp_path) as merchant:
        yield merchant


def with_breakdown(value: str, **parts: str) -> dict[str, Any]:
    breakdown = {name: {"currency_code": "USD", "value": amount} for name, amount in parts.items()}
    return {"currency_code": "USD", "value": value, "breakdown": breakdown}


class TestCreate:
    async def test_a_new_order_waits_for_the_payer(self, shop: PayPalMerchant) -> None:
        answer = await shop.create(order(unit("15.5", custom_id="p1")))
        body = answer.json()
        assert answer.status_code == 201
        assert re.fullmatch(r"[A-Z0-9]{17}", body["id"])
        assert body["status"] == "PAYER_ACTION_REQUIRED"
        assert [link["rel"] for link in body["links"]] == ["self", "payer-action"]
        assert body["links"][1]["href"] == f"{ORIGIN}/checkoutnow?token={body['id']}"
        assert body["purchase_units"] == [
            {"reference_id": "default", "amount": {"currency_code": "USD", "value": "15.50"}}
            | {"custom_id": "p1"}
        ]
        assert re.fullmatch(r"[0-9a-f]{13}", answer.headers["paypal-debug-id"])

    async def test_without_payment_source_the_link_is_approve(self, shop: PayPalMerchant) -> None:
        body = (await shop.create({"intent": "CAPTURE", "purchase_units": [unit()]})).json()
        assert body["status"] == "CREATED"
        assert [link["rel"] for link in body["links"]] == ["self", "approve", "capture"]

    async def test_minimal_is_the_default(self, shop: PayPalMerchant) -> None:
        answer = await shop.post("/v2/checkout/orders", order(), Prefer="")
        assert answer.json().keys() == {"id", "status", "links"}

    async def test_items_and_breakdown_that_add_up(self, shop: PayPalMerchant) -> None:
        item = ITEM | {"tax": {"currency_code": "USD", "value": "0.75"}}
        amount = with_breakdown("14.50", item_total="14.00", tax_total="1.50", discount="1.00")
        answer = await shop.create(order({"amount": amount, "items": [item]}))
        assert answer.status_code == 201
        assert (await shop.get(f"/v2/checkout/orders/{answer.json()['id']}")).json()[
            "purchase_units"
        ][0]["amount"] == amount

    @pytest.mark.parametrize(
        ("body", "issue"),
        [
            ({}, "MISSING_REQUIRED_PARAMETER"),
            (order(intent="SELL"), "INVALID_PARAMETER_VALUE"),
            (order(purchase_units=[]), "INVALID_ARRAY_MIN_ITEMS"),
            (order(*[unit(reference_id=str(n)) for n in range(11)]), "INVALID_ARRAY_MAX_ITEMS"),
            (order(purchase_units={}), "INVALID_PARAMETER_SYNTAX"),
            (order({"description": "no amount"}), "MISSING_REQUIRED_PARAMETER"),
            (order(unit("1e3")), "INVALID_PARAMETER_SYNTAX"),
            (order(unit(custom_id="x" * 128)), "INVALID_STRING_LENGTH"),
            (order(unit(items=[ITEM | {"quantity": "0"}])), "INVALID_PARAMETER_SYNTAX"),
            (order(unit(items=[ITEM | {"category": "AIR"}])), "INVALID_PARAMETER_VALUE"),
            (order(payment_source={"card": {}}), "PAYPAL_REQUEST_ID_REQUIRED"),
            (order(application_context={"return_url": 5}, payment_source=None),
             "INVALID_PARAMETER_SYNTAX"),
        ],
    )  # fmt: skip
    async def test_a_malformed_request(
        self, shop: PayPalMerchant, body: dict[str, Any], issue: str
    ) -> None:
        answer = await shop.create(body)
        assert (answer.status_code, answer.json()["name"]) == (400, "INVALID_REQUEST")
        assert issue in issues(answer)
        assert answer.json()["debug_id"] == answer.headers["paypal-debug-id"]

    @pytest.mark.parametrize(
        ("body", "issue"),
        [
            (order(unit("0.00")), "CANNOT_BE_ZERO_OR_NEGATIVE"),
            (order(unit("-1")), "CANNOT_BE_ZERO_OR_NEGATIVE"),
            (order(unit("1.001")), "DECIMAL_PRECISION"),
            (order(unit("100.5", "JPY")), "DECIMAL_PRECISION"),
            (order(unit("100.00", "HUF")), "DECIMAL_PRECISION"),
            (order(unit("1000000000000000")), "MAX_VALUE_EXCEEDED"),
            (order(unit("5.00", "GTQ")), "INVALID_CURRENCY_CODE"),
            (order(unit(reference_id="a"), unit("1", "EUR", reference_id="b")),
             "MULTI_CURRENCY_ORDER"),
            (order(unit(), unit()), "REFERENCE_ID_REQUIRED"),
            (order(unit(reference_id="a"), unit(reference_id="a")), "DUPLICATE_REFERENCE_ID"),
            (order(unit(reference_id="a"), unit(reference_id="b"), intent="AUTHORIZE"),
             "UNSUPPORTED_INTENT"),
            (order({"amount": with_breakdown("15.00", item_total="14.00")}), "AMOUNT_MISMATCH"),
            (order(unit(items=[ITEM])), "ITEM_TOTAL_REQUIRED"),
            (order({"amount": with_breakdown("13.99", item_total="13.99"), "items": [ITEM]}),
             "ITEM_TOTAL_MISMATCH"),
            (order({"amount": with_breakdown("14.00", item_total="14.00"),
                    "items": [ITEM | {"tax": USD_1}]}), "TAX_TOTAL_REQUIRED"),
            (order({"amount": with_breakdown("15.00", item_total="14.00", tax_total="1.00"),
                    "items": [ITEM | {"tax": USD_1}]}), "TAX_TOTAL_MISMATCH"),
            (order({"amount": with_breakdown("1.00", item_total="2.00", handling="-1.00")}),
             "CANNOT_BE_NEGATIVE"),
        ],
    )  # fmt: skip
    async def test_amounts_that_make_no_sense(
        self, shop: PayPalMerchant, body: dict[str, Any], issue: str
    ) -> None:
        answer = await shop.create(body)
        assert (answer.status_code, answer.json()["name"]) == (422, "UNPROCESSABLE_ENTITY")
        assert issue in issues(answer)
        assert (await shop.ledger())["orders"] == []

    @pytest.mark.parametrize("currency", ["HUF", "JPY", "TWD"])
    async def test_currencies_without_decimals(self, shop: PayPalMerchant, currency: str) -> None:
        capture_id = await shop.captured(order(unit("1500", currency)))
        capture = (await shop.get(f"/v2/payments/captures/{capture_id}")).json()
        assert capture["amount"] == {"currency_code": currency, "value": "1500"}
        assert "." not in capture["seller_receivable_breakdown"]["net_amount"]["value"]

    async def test_what_is_not_json(self, shop: PayPalMerchant) -> None:
        token = (await shop.create()).request.headers["authorization"]
        headers = {"Authorization": token, "Content-Type": "application/json"}
        broken = await shop.http.post("/v2/checkout/orders", content=b"{", headers=headers)
        assert issues(broken) == ["MALFORMED_REQUEST_JSON"]
        headers["Content-Type"] = "text/plain"
        assert (
            await shop.http.post("/v2/checkout/orders", content=b"{}", headers=headers)
        ).status_code == 415


class TestPayer:
    async def test_the_page_shows_the_order_and_escapes_it(self, shop: PayPalMerchant) -> None:
        item = ITEM | {"name": "<script>alert(1)</script>"}
        amount = with_breakdown("14.00", item_total="14.00")
        body = (await shop.create(order({"amount": amount, "items": [item]}))).json()
        shown = await shop.http.get(body["links"][1]["href"])
        assert shown.status_code == 200
        assert "14.00 USD" in shown.text
        assert "&lt;script&gt;" in shown.text
        assert "<script>" not in shown.text
        assert (await shop.http.get("/_static/style.css")).status_code == 200

    async def test_approving_leads_back_with_order_and_payer(self, shop: PayPalMerchant) -> None:
        order_id = (await shop.create()).json()["id"]
        answer = await shop.approve(order_id)
        location = httpx.URL(answer.headers["location"])
        assert (answer.status_code, location.host) == (303, "shop.test")
        assert location.params["cart"] == "7"
        assert location.params["token"] == order_id
        assert re.fullmatch(r"[A-Z0-9]{13}", location.params["PayerID"])
        shown = (await shop.get(f"/v2/checkout/orders/{order_id}")).json()
        assert shown["status"] == "APPROVED"
        assert shown["payer"]["email_address"] == "sb-buyer@example.com"

    async def test_cancelling_leads_back_and_changes_nothing(self, shop: PayPalMerchant) -> None:
        order_id = (await shop.create()).json()["id"]
        answer = await shop.http.post("/checkoutnow/cancel", data={"token": order_id})
        assert answer.headers["location"] == f"https://shop.test/no?token={order_id}"
        shown = (await shop.get(f"/v2/checkout/orders/{order_id}")).json()
        assert shown["status"] == "PAYER_ACTION_REQUIRED"

    async def test_too_late(self, shop: PayPalMerchant) -> None:
        order_id = (await shop.create()).json()["id"]
        await shop.advance_clock(6 * 3600)
        assert (await shop.http.get("/checkoutnow", params={"token": order_id})).status_code == 404
        assert (await shop.approve(order_id)).status_code == 404
        assert (
            await shop.http.post("/checkoutnow/cancel", data={"token": order_id})
        ).status_code == 404

    async def test_a_paid_order_leads_back(self, shop: PayPalMerchant) -> None:
        order_id = await shop.approved()
        await shop.capture(order_id)
        shown = await shop.http.get("/checkoutnow", params={"token": order_id})
        assert "has been paid" in shown.text
        assert "https://shop.test/back" in shown.text
        assert (await shop.approve(order_id)).status_code == 404

    async def test_an_order_without_a_way_back(self, shop: PayPalMerchant) -> None:
        bare = {"intent": "CAPTURE", "purchase_units": [unit()]}
        order_id = (await shop.create(bare)).json()["id"]
        assert (
            "Cancelled"
            in (await shop.http.post("/checkoutnow/cancel", data={"token": order_id})).text
        )
        assert "Approved" in (await shop.approve(order_id)).text
        assert (await shop.approve(order_id, "magic")).status_code == 400
