"""The simulated PayPal: who may call it, and how money is taken."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.sandbox.paypal_merchant import (
    ORIGIN,
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


class TestAuthentication:
    async def test_unknown_credentials_get_no_token(self, shop: PayPalMerchant) -> None:
        form = {"grant_type": "client_credentials"}
        answer = await shop.http.post("/v1/oauth2/token", data=form, auth=("shop", "wrong"))
        assert answer.status_code == 401
        assert answer.json()["error"] == "invalid_client"

    async def test_another_grant_gets_no_token(self, shop: PayPalMerchant) -> None:
        form = {"grant_type": "password"}
        answer = await shop.http.post("/v1/oauth2/token", data=form, auth=("shop", "secret"))
        assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")

    async def test_a_token_ends(self, shop: PayPalMerchant) -> None:
        await shop.advance_clock(32_400)
        answer = await shop.create()
        assert answer.status_code == 401
        assert answer.json()["error_description"] == "Access Token not found in cache"
        await shop.log_in()
        assert (await shop.create()).status_code == 201

    async def test_no_token_and_a_token_that_is_none(self, shop: PayPalMerchant) -> None:
        path = "/v2/checkout/orders/X"
        assert (await shop.http.get(path)).json()["name"] == "AUTHENTICATION_FAILURE"
        answer = await shop.http.get(path, headers={"Authorization": "Bearer nonsense"})
        assert answer.json()["error"] == "invalid_token"

    async def test_registering_again_changes_the_secret(self, shop: PayPalMerchant) -> None:
        body = {"clientId": "shop", "clientSecret": "new", "webhookId": "WH-2"}
        await shop.http.post("/_control/merchants", json=body)
        form = {"grant_type": "client_credentials"}
        refused = await shop.http.post("/v1/oauth2/token", data=form, auth=("shop", "secret"))
        granted = await shop.http.post("/v1/oauth2/token", data=form, auth=("shop", "new"))
        assert (refused.status_code, granted.status_code) == (401, 200)
        merchants = (await shop.http.get("/_control/merchants")).json()["merchants"]
        assert merchants == [{"clientId": "shop", "webhookId": "WH-2", "webhookUrl": None}]


class TestCapture:
    async def test_takes_the_money_once(self, shop: PayPalMerchant) -> None:
        order_id = await shop.approved(order(unit("15.50", custom_id="p1", invoice_id="i1")))
        answer = await shop.capture(order_id, key="c1")
        body = answer.json()
        assert (answer.status_code, body["status"]) == (201, "COMPLETED")
        capture = body["purchase_units"][0]["payments"]["captures"][0]
        assert capture["status"] == "COMPLETED"
        assert capture["amount"] == {"currency_code": "USD", "value": "15.50"}
        assert (capture["custom_id"], capture["invoice_id"]) == ("p1", "i1")
        assert capture["seller_receivable_breakdown"]["paypal_fee"]["value"] == "1.03"
        assert capture["seller_receivable_breakdown"]["net_amount"]["value"] == "14.47"
        assert issues(await shop.capture(order_id, key="c2")) == ["ORDER_ALREADY_CAPTURED"]
        [booked] = (await shop.ledger())["captures"]
        assert (booked["id"], booked["amount"], booked["requestId"]) == (
            capture["id"],
            "15.50",
            "c1",
        )

    async def test_not_before_the_payer_approves(self, shop: PayPalMerchant) -> None:
        order_id = (await shop.create()).json()["id"]
        assert issues(await shop.capture(order_id)) == ["ORDER_NOT_APPROVED"]

    async def test_not_of_an_order_to_authorize(self, shop: PayPalMerchant) -> None:
        order_id = await shop.approved(order(intent="AUTHORIZE"))
        assert issues(await shop.capture(order_id)) == ["ACTION_DOES_NOT_MATCH_INTENT"]

    async def test_each_unit_is_a_capture(self, shop: PayPalMerchant) -> None:
        units = [unit("1.00", reference_id="a"), unit("2.00", reference_id="b")]
        order_id = await shop.approved(order(*units))
        body = (await shop.capture(order_id)).json()
        amounts = [
            part["payments"]["captures"][0]["amount"]["value"] for part in body["purchase_units"]
        ]
        assert amounts == ["1.00", "2.00"]

    async def test_an_invoice_is_paid_once(self, shop: PayPalMerchant) -> None:
        first, second = [await shop.approved(order(unit(invoice_id="i"))) for _ in range(2)]
        assert (await shop.capture(first)).status_code == 201
        assert issues(await shop.capture(second)) == ["DUPLICATE_INVOICE_ID"]
        assert len((await shop.ledger())["captures"]) == 1

    async def test_a_declined_instrument_sends_the_payer_back(self, shop: PayPalMerchant) -> None:
        order_id = await shop.approved(funding="declined")
        answer = await shop.capture(order_id, key="c1")
        assert (answer.status_code, issues(answer)) == (422, ["INSTRUMENT_DECLINED"])
        links = {link["rel"]: link["href"] for link in answer.json()["links"]}
        assert links["redirect"] == f"{ORIGIN}/checkoutnow?token={order_id}"
        await shop.approve(order_id)
        assert (await shop.capture(order_id, key="c2")).status_code == 201

    @pytest.mark.parametrize("status", ["COMPLETED", "DECLINED"])
    async def test_a_review_ends(self, shop: PayPalMerchant, status: str) -> None:
        capture_id = await shop.captured(funding="review")
        pending = (await shop.get(f"/v2/payments/captures/{capture_id}")).json()
        assert pending["status"] == "PENDING"
        assert pending["status_details"] == {"reason": "PENDING_REVIEW"}
        path = f"/_control/captures/{capture_id}/settle"
        assert (await shop.http.post(path, json={"status": status})).status_code == 200
        settled = (await shop.get(f"/v2/payments/captures/{capture_id}")).json()
        assert settled["status"] == status
        assert (await shop.http.post(path, json={"status": status})).status_code == 404

    async def test_a_declined_capture_leaves_its_invoice_unpaid(self, shop: PayPalMerchant) -> None:
        invoice = order(unit(invoice_id="i"))
        held = await shop.captured(invoice, funding="review")
        second = await shop.approved(invoice)
        assert issues(await shop.capture(second)) == ["DUPLICATE_INVOICE_ID"]
        path = f"/_control/captures/{held}/settle"
        await shop.http.post(path, json={"status": "DECLINED"})
        assert (await shop.capture(second)).status_code == 201

    async def test_an_expired_order_is_not_found(self, shop: PayPalMerchant) -> None:
        order_id = await shop.approved()
        paid = await shop.approved()
        await shop.capture(paid)
        await shop.advance_clock(6 * 3600)
        for answer in (
            await shop.get(f"/v2/checkout/orders/{order_id}"),
            await shop.capture(order_id),
        ):
            assert (answer.status_code, issues(answer)) == (404, ["INVALID_RESOURCE_ID"])
        assert (await shop.get(f"/v2/checkout/orders/{paid}")).status_code == 200

    async def test_another_merchant_sees_nothing(self, shop: PayPalMerchant) -> None:
        stranger = PayPalMerchant(shop.http, "stranger")
        await stranger.register()
        order_id = await shop.approved()
        assert (await stranger.get(f"/v2/checkout/orders/{order_id}")).status_code == 404
        assert (await stranger.capture(order_id)).status_code == 404
        capture_id = await shop.captured()
        answer = await stranger.get(f"/v2/payments/captures/{capture_id}")
        assert (answer.status_code, issues(answer)) == (403, ["PERMISSION_DENIED"])
