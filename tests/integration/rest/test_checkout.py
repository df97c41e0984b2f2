"""Where the payer's browser comes back: it proves nothing, and leads nowhere the tenant did not allow."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import httpx
import pytest

from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from tests.contracts.provider_sandbox import script_fault, token_of
from tests.integration.rest.shop import Shop, new_number

BACK = "https://shop.example/thanks?basket=7&empty=#top"
CALLED_OFF = "https://shop.example/basket"


async def cancel_at_paypal(shop: Shop, checkout_url: str) -> str:
    answer = await shop.paypal.post("/checkoutnow/cancel", data={"token": token_of(checkout_url)})
    return answer.headers["location"]


async def visit(shop: Shop, url: str) -> httpx.Response:
    """Follow an address as a browser does: without a key."""
    return await shop.api.get(url, headers={"Authorization": ""})


def sent_to(answer: httpx.Response) -> tuple[str, dict[str, str], str]:
    assert answer.status_code == 303, answer.text
    assert answer.headers["cache-control"] == "no-store"
    parts = urlsplit(answer.headers["location"])
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return f"{parts.scheme}://{parts.netloc}{parts.path}", query, parts.fragment


class TestReturn:
    async def test_from_paypal_takes_the_money_and_leads_to_the_shop(self, shop: Shop) -> None:
        payment = await shop.opened_payment(returnUrl=BACK)
        answer = await visit(shop, await shop.approve(payment["checkoutUrl"]))
        assert sent_to(answer) == (
            "https://shop.example/thanks",
            {
                "basket": "7",
                "empty": "",
                "paymentId": payment["paymentId"],
                "status": "COMPLETED",
            },
            "top",
        )
        assert len(await shop.books("captures", payment["paymentId"])) == 1
        assert (await shop.complete(payment["paymentId"])).json()["status"] == "COMPLETED"

    async def test_leaves_the_shops_own_query_as_it_is_spelled(self, shop: Shop) -> None:
        signed = "https://shop.example/?flag&to=a%20b&sum=%c3%a9+x"
        payment = await shop.opened_payment(returnUrl=signed)
        answer = await visit(shop, await shop.approve(payment["checkoutUrl"]))
        assert answer.headers["location"] == (
            f"{signed}&paymentId={payment['paymentId']}&status=COMPLETED"
        )

    async def test_from_pagadito_finds_the_money_taken(self, shop: Shop) -> None:
        payment = await shop.opened_payment(providerType="PAGADITO", returnUrl=BACK)
        answer = await visit(shop, await shop.pay_at_pagadito(payment["checkoutUrl"]))
        assert sent_to(answer)[1]["status"] == "COMPLETED"
        assert (await shop.history(payment["paymentId"]))[-1] == "PaymentCompleted"

    async def test_from_pagadito_unpaid_leads_to_the_basket(self, shop: Shop) -> None:
        payment = await shop.opened_payment(
            providerType="PAGADITO", returnUrl=BACK, cancelUrl=CALLED_OFF
        )
        answer = await visit(shop, await shop.pay_at_pagadito(payment["checkoutUrl"], "return"))
        assert sent_to(answer)[:2] == (
            CALLED_OFF,
            {"paymentId": payment["paymentId"], "status": "CANCELLED"},
        )

    async def test_twice_takes_the_money_once(self, shop: Shop) -> None:
        payment = await shop.opened_payment(returnUrl=BACK)
        url = await shop.approve(payment["checkoutUrl"])
        first, second = await visit(shop, url), await visit(shop, url)
        assert first.headers["location"] == second.headers["location"]
        assert len(await shop.books("captures", payment["paymentId"])) == 1

    async def test_without_approval_proves_nothing(self, shop: Shop) -> None:
        payment = await shop.opened_payment(returnUrl=BACK)
        url = f"/checkout/return/paypal?payment_id={payment['paymentId']}"
        answer = await visit(shop, f"{url}&token={token_of(payment['checkoutUrl'])}")
        assert sent_to(answer)[1]["status"] == "AWAITING_PAYER"

    async def test_while_the_provider_is_silent_leads_on_all_the_same(self, shop: Shop) -> None:
        payment = await shop.opened_payment(returnUrl=BACK)
        url = await shop.approve(payment["checkoutUrl"])
        await script_fault(shop.paypal, "get_order", "drop_before", times=3)
        assert sent_to(await visit(shop, url))[1]["status"] == "AWAITING_PAYER"

    async def test_without_a_return_url_shows_a_page(self, shop: Shop) -> None:
        payment = await shop.opened_payment(orderId="<script>alert(1)</script>")
        answer = await visit(shop, await shop.approve(payment["checkoutUrl"]))
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert "completed" in answer.text
        assert "<script>" not in answer.text


class TestCancel:
    async def test_from_paypal_cancels_and_leads_to_the_basket(self, shop: Shop) -> None:
        payment = await shop.opened_payment(returnUrl=BACK, cancelUrl=CALLED_OFF)
        answer = await visit(shop, await cancel_at_paypal(shop, payment["checkoutUrl"]))
        assert sent_to(answer)[:2] == (
            CALLED_OFF,
            {"paymentId": payment["paymentId"], "status": "CANCELLED"},
        )

    async def test_after_the_money_was_taken_changes_nothing(self, shop: Shop) -> None:
        payment = await shop.opened_payment(returnUrl=BACK, cancelUrl=CALLED_OFF)
        cancelling = await cancel_at_paypal(shop, payment["checkoutUrl"])
        await visit(shop, await shop.approve(payment["checkoutUrl"]))
        answer = await visit(shop, cancelling)
        assert sent_to(answer)[1]["status"] == "COMPLETED"


class TestForged:
    @pytest.mark.parametrize("door", ["return", "cancel"])
    async def test_addresses_lead_nowhere(self, shop: Shop, door: str) -> None:
        payment = await shop.opened_payment(returnUrl=BACK)
        ours, token = payment["paymentId"], token_of(payment["checkoutUrl"])
        other = token_of((await shop.opened_payment())["checkoutUrl"])
        number = payment["externalReferenceNumber"]
        before = await shop.history(ours)
        for query in (
            "",
            f"payment_id={ours}",
            f"payment_id={ours}&token=",
            f"payment_id={ours}&token={other}",
            f"payment_id={ours}&token={token}x",
            f"payment_id={ours.upper()}&token={token}",
            f"payment_id={uuid4()}&token={token}",
            f"payment_id=x&token={token}",
            f"payment_id=%00&token={token}",
            f"ern={number}&token={other}",
            f"ern={number}%0a&token={token}",
            f"token={token}",
        ):
            answer = await visit(shop, f"/checkout/{door}/paypal?{query}")
            assert (answer.status_code, answer.json()["code"]) == (404, "payment_not_found"), query
        for provider in ("pagadito", "PAYPAL", "visa", "..%2fpaypal"):
            url = f"/checkout/{door}/{provider}?payment_id={ours}&token={token}"
            assert (await visit(shop, url)).status_code == 404, provider
        assert await shop.history(ours) == before

    @pytest.mark.parametrize("door", ["return", "cancel"])
    async def test_a_payment_without_a_checkout_has_no_token(self, shop: Shop, door: str) -> None:
        """An empty token is not the token of a payment that has none yet."""
        number = new_number()
        await script_fault(shop.paypal, "create_order", "status", status=429)
        assert (await shop.initiate(externalReferenceNumber=number)).status_code == 503
        payment_id = PaymentIdVO.of(ExternalReferenceNumberVO(number)).value
        before = await shop.history(payment_id)
        for query in (f"payment_id={payment_id}&token=", f"ern={number}&token="):
            answer = await visit(shop, f"/checkout/{door}/paypal?{query}")
            assert answer.status_code == 404
        assert await shop.history(payment_id) == before

    async def test_an_endless_parameter_is_refused(self, shop: Shop) -> None:
        answer = await visit(shop, f"/checkout/return/paypal?token={'x' * 300}")
        assert answer.status_code == 422

    async def test_an_address_in_the_query_is_not_followed(self, shop: Shop) -> None:
        payment = await shop.opened_payment(returnUrl=BACK)
        url = await shop.approve(payment["checkoutUrl"])
        answer = await visit(
            shop, f"{url}&returnUrl=https://evil.example&return_url=https://evil.example"
        )
        assert sent_to(answer)[0] == "https://shop.example/thanks"
        assert "evil" not in answer.headers["location"]
