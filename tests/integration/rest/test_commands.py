"""The commands on payments, as an order service sends them: what is answered, and what is stored of it."""

from __future__ import annotations

import re
from uuid import UUID

import httpx
import pytest

from tests.contracts.provider_sandbox import script_fault
from tests.integration.rest.shop import Shop, new_number, nothing_happens, order

CHECKOUT_LAPSED_S = 12 * 3600  # past what either provider gives a payer; access tokens lapse, too


def code_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["requestId"] == answer.headers["x-request-id"]
    assert problem["type"].endswith(f"#{problem['code']}")
    return answer.status_code, problem["code"]


class TestInitiate:
    async def test_answers_where_the_payer_pays(self, shop: Shop) -> None:
        answer = await shop.initiate(amount="10.5", orderId="order-7")
        assert answer.status_code == 201
        payment = answer.json()
        UUID(payment["paymentId"])
        assert re.fullmatch(r"ERN-[0-9]{1,40}", payment["externalReferenceNumber"])
        assert payment["checkoutUrl"].startswith(shop.installation.paypal)
        assert payment["expiresAt"].endswith("Z")
        assert {key: payment[key] for key in ("status", "providerType", "amount", "currency")} == {
            "status": "AWAITING_PAYER",
            "providerType": "PAYPAL",
            "amount": "10.50",
            "currency": "USD",
        }
        assert len(payment) == 8

    async def test_pagadito_opens_a_checkout_too(self, shop: Shop) -> None:
        payment = await shop.opened_payment(providerType="PAGADITO")
        assert payment["checkoutUrl"].startswith(shop.installation.pagadito)
        assert await shop.history(payment["paymentId"]) == [
            "PaymentInitiated",
            "ProviderAttemptStarted",
            "CheckoutCreated",
        ]

    async def test_amounts_are_read_exactly(self, shop: Shop) -> None:
        raw = '{"tenantId":"acme","providerType":"PAYPAL","amount":19.99,"currency":"USD","orderId":"o"}'
        answer = await shop.api.post(
            "/api/v1/payments/initiate",
            content=raw,
            headers={"Content-Type": "application/json; charset=utf-8"},
        )
        assert answer.json()["amount"] == "19.99"
        (stored, *_) = (await shop.store.read(f"payment-{answer.json()['paymentId']}")).events
        assert getattr(stored.event, "amount_minor", None) == 19_99

    async def test_yen_have_no_digits_after_the_point(self, shop: Shop) -> None:
        assert (await shop.opened_payment(amount=500, currency="JPY"))["amount"] == "500"

    async def test_forints_have_the_digits_of_the_standard_and_no_fraction_at_paypal(
        self, shop: Shop
    ) -> None:
        answer = await shop.initiate(amount="1500", currency="HUF")
        assert (answer.status_code, answer.json()["amount"]) == (201, "1500.00")
        for amount, currency in (("1500.50", "HUF"), ("20.5", "TWD"), ("1.5", "JPY")):
            async with nothing_happens(shop):
                refused = await shop.initiate(amount=amount, currency=currency)
                assert (refused.status_code, refused.json()["code"]) == (422, "invalid_amount")

    async def test_items_that_add_up_to_the_amount(self, shop: Shop) -> None:
        details = [
            {"quantity": 3, "description": "Pencil", "price": 0.1},
            {"quantity": 1, "description": "Book", "price": "19.69"},
        ]
        assert (await shop.opened_payment(details=details))["amount"] == "19.99"

    async def test_the_same_number_and_body_again_is_the_first_answer_again(
        self, shop: Shop
    ) -> None:
        number = new_number()
        first = await shop.initiate(externalReferenceNumber=number, customParams={"a": 1.50})
        again = await shop.initiate(externalReferenceNumber=number, customParams={"a": 1.50})
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        assert len(await shop.books("orders", first.json()["paymentId"])) == 1

    async def test_the_same_number_with_another_body_is_refused(self, shop: Shop) -> None:
        number = new_number()
        first = await shop.opened_payment(externalReferenceNumber=number)
        other = await shop.initiate(externalReferenceNumber=number, amount="20.00")
        assert code_of(other) == (409, "external_reference_in_use")
        assert other.json()["param"] == "externalReferenceNumber"
        assert first["paymentId"] not in other.text

    async def test_another_tenants_number_is_refused_and_nothing_of_it_shown(
        self, shop: Shop
    ) -> None:
        number = new_number()
        mine = await shop.opened_payment(externalReferenceNumber=number, orderId="my-secret-order")
        theirs = await shop.api.post(
            "/api/v1/payments/initiate",
            json=order(tenantId="rival", externalReferenceNumber=number, orderId="my-secret-order"),
            headers=shop.installation.authorization("rival"),
        )
        assert code_of(theirs) == (409, "external_reference_in_use")
        for told in (mine["paymentId"], "acme", "my-secret-order", number):
            assert told not in theirs.text

    @pytest.mark.parametrize(
        "number", ["ern-1", "ERN-", "ERN-1a", "ERN-1 ", "ERN-" + "1" * 41, "ERN-\u0661"]
    )
    async def test_a_number_of_another_form_is_refused(self, shop: Shop, number: str) -> None:
        answer = await shop.initiate(externalReferenceNumber=number)
        assert code_of(answer) == (422, "invalid_value")
        assert answer.json()["param"] == "externalReferenceNumber"

    async def test_a_provider_that_is_not_reached_is_tried_again_with_the_same_number(
        self, shop: Shop
    ) -> None:
        number = new_number()
        await script_fault(shop.paypal, "create_order", "status", status=429)
        refused = await shop.initiate(externalReferenceNumber=number)
        assert code_of(refused) == (503, "provider_unavailable")
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["retryable"] is True
        payment = await shop.opened_payment(externalReferenceNumber=number)
        assert len(await shop.books("orders", payment["paymentId"])) == 1

    async def test_a_provider_that_refuses_ends_the_payment(self, shop: Shop) -> None:
        await script_fault(shop.paypal, "create_order", "refuse", code="PAYEE_ACCOUNT_RESTRICTED")
        answer = await shop.initiate()
        assert code_of(answer) == (409, "payment_failed")
        assert (await shop.history(answer.json()["paymentId"]))[-1] == "PaymentFailed"


class TestComplete:
    async def test_takes_the_money_once(self, shop: Shop) -> None:
        payment = await shop.opened_payment()
        await shop.approve(payment["checkoutUrl"])
        answer = await shop.complete(payment["paymentId"])
        (capture,) = await shop.books("captures", payment["paymentId"])
        assert answer.status_code == 200
        assert answer.json() == {
            "paymentId": payment["paymentId"],
            "status": "COMPLETED",
            "providerReference": capture["id"],
            "amount": "19.99",
            "currency": "USD",
        }
        assert (await shop.complete(payment["paymentId"])).json() == answer.json()
        assert len(await shop.books("captures", payment["paymentId"])) == 1

    async def test_before_the_payer_has_approved(self, shop: Shop) -> None:
        payment = await shop.opened_payment()
        answer = await shop.complete(payment["paymentId"])
        assert code_of(answer) == (409, "payment_not_approved")
        assert answer.json()["retryable"] is True

    async def test_with_a_means_of_payment_that_is_declined(self, shop: Shop) -> None:
        payment = await shop.opened_payment()
        await shop.approve(payment["checkoutUrl"], funding="declined")
        answer = await shop.complete(payment["paymentId"])
        assert code_of(answer) == (409, "payment_declined")
        assert await shop.books("captures", payment["paymentId"]) == []

    async def test_a_payment_that_the_provider_holds(self, shop: Shop) -> None:
        payment = await shop.opened_payment(allowPendingPayments=True)
        await shop.approve(payment["checkoutUrl"], funding="review")
        answer = await shop.complete(payment["paymentId"])
        assert (answer.status_code, answer.json()["status"]) == (200, "PENDING")

    async def test_with_another_provider_named(self, shop: Shop) -> None:
        payment = await shop.opened_payment()
        answer = await shop.complete(payment["paymentId"], provider="PAGADITO")
        assert code_of(answer) == (422, "invalid_value")
        assert answer.json()["param"] == "providerType"

    async def test_what_was_cancelled(self, shop: Shop) -> None:
        cancelled = (await shop.opened_payment())["paymentId"]
        await shop.command("cancel", cancelled)
        assert code_of(await shop.complete(cancelled)) == (409, "payment_cancelled")

    @pytest.mark.parametrize("provider", ["PAYPAL", "PAGADITO"])
    async def test_what_the_payer_did_not_pay_in_time(self, shop: Shop, provider: str) -> None:
        payment_id = (await shop.opened_payment(providerType=provider))["paymentId"]
        simulator = shop.paypal if provider == "PAYPAL" else shop.pagadito
        later = {"advanceSeconds": CHECKOUT_LAPSED_S}
        (await simulator.post("/_control/clock", json=later)).raise_for_status()
        answer = await shop.complete(payment_id, provider=provider)
        assert code_of(answer) == (409, "payment_expired")
        assert (await shop.history(payment_id))[-1] == "PaymentExpired"


class TestRefund:
    async def test_parts_until_nothing_is_left(self, shop: Shop) -> None:
        payment_id = await shop.paid_payment()
        first = await shop.command("refund", payment_id, amount=5, refundId="r1", reason="broken")
        assert (first.status_code, first.json()) == (
            200,
            {
                "paymentId": payment_id,
                "refundId": "r1",
                "status": "COMPLETED",
                "amount": "5.00",
                "refundedTotal": "5.00",
                "currency": "USD",
            },
        )
        again = await shop.command("refund", payment_id, amount=5, refundId="r1", reason="broken")
        assert again.json() == first.json()
        too_much = await shop.command("refund", payment_id, amount="15.00")
        assert code_of(too_much) == (409, "refund_exceeds_captured")
        assert too_much.json()["param"] == "amount"
        rest = await shop.command("refund", payment_id)
        assert (rest.json()["amount"], rest.json()["refundedTotal"]) == ("14.99", "19.99")
        assert code_of(await shop.command("refund", payment_id)) == (409, "refund_exceeds_captured")
        amounts = [entry["amount"] for entry in await shop.books("refunds", payment_id)]
        assert amounts == ["5.00", "14.99"]

    async def test_a_refund_id_names_one_refund(self, shop: Shop) -> None:
        payment_id = await shop.paid_payment()
        await shop.command("refund", payment_id, amount="1.00", refundId="r1")
        answer = await shop.command("refund", payment_id, amount="2.00", refundId="r1")
        assert code_of(answer) == (409, "refund_id_in_use")
        assert answer.json()["param"] == "refundId"

    async def test_before_there_is_money(self, shop: Shop) -> None:
        payment = await shop.opened_payment()
        answer = await shop.command("refund", payment["paymentId"])
        assert code_of(answer) == (409, "payment_state_conflict")

    async def test_a_provider_that_cannot(self, shop: Shop) -> None:
        payment = await shop.opened_payment(providerType="PAGADITO")
        await shop.pay_at_pagadito(payment["checkoutUrl"])
        await shop.complete(payment["paymentId"], provider="PAGADITO")
        answer = await shop.command("refund", payment["paymentId"])
        assert code_of(answer) == (422, "refund_not_supported")

    async def test_a_provider_that_refuses_frees_the_amount(self, shop: Shop) -> None:
        payment_id = await shop.paid_payment()
        await script_fault(shop.paypal, "refund", "refuse", code="REFUND_NOT_ALLOWED")
        answer = await shop.command("refund", payment_id, refundId="r1")
        assert code_of(answer) == (409, "refund_failed")
        assert answer.json()["refundId"] == "r1"
        assert (await shop.command("refund", payment_id)).json()["amount"] == "19.99"


class TestCancel:
    async def test_before_money_was_taken(self, shop: Shop) -> None:
        payment_id = (await shop.opened_payment())["paymentId"]
        answer = await shop.command("cancel", payment_id, reason="out of stock")
        assert (answer.status_code, answer.json()) == (
            200,
            {"paymentId": payment_id, "status": "CANCELLED"},
        )
        assert (await shop.command("cancel", payment_id)).json() == answer.json()

    async def test_after_money_was_taken(self, shop: Shop) -> None:
        answer = await shop.command("cancel", await shop.paid_payment())
        assert code_of(answer) == (409, "payment_state_conflict")

    async def test_where_the_provider_would_still_take_the_money(self, shop: Shop) -> None:
        payment = await shop.opened_payment(providerType="PAGADITO")
        answer = await shop.command("cancel", payment["paymentId"])
        assert code_of(answer) == (409, "payment_still_payable")
