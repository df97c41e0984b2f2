"""Whatever is sent: a wrong request is refused by name, stores nothing, sends nothing, and is never a 500."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest

from tests.integration.rest.shop import Shop, nothing_happens, order, refusal

COMMANDS = ("initiate", "complete", "refund", "cancel")
BODY_BYTES_MAX = 256 * 1024
JSON = {"Content-Type": "application/json"}
UNKNOWN_ID = "6c0a33a7-7f0c-5a6f-a4a9-6a6a0c8fb1b5"
LINE = {"quantity": 1, "description": "Tea", "price": "19.99"}


async def send_raw(shop: Shop, raw: bytes | str, **headers: str) -> httpx.Response:
    return await shop.api.post(
        "/api/v1/payments/initiate", content=raw, headers={**JSON, **headers}
    )


def with_raw(field: str, raw: str) -> str:
    """Return an initiate with one value spelled as given."""
    marked = json.dumps(order(**{field: "MARK"}))
    return marked.replace('"MARK"', raw)


class TestNotJson:
    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"{",
            b"amount=10",
            b"\xff\xfe{}",
            b'{"amount": NaN}',
            b'{"amount": Infinity}',
            b'{"amount": -Infinity}',
            b'{"amount": 1, "amount": 2}',
            b'{"customParams": {"a": 1, "a": 1}}',
            b'{"amount": 1%b}' % (b"0" * 5000),
            b'{"amount": 0.%b}' % (b"1" * 5000),
            b'{"amount": 1e99999999999999999999}',
            b'{"customParams": ' + b'{"a":' * 200 + b"1" + b"}" * 201,
            b'{"customParams": {"a": ' + b"[" * 900 + b"]" * 900 + b"}}",
            b"[" * 100_000,
            b'{"customParams": {"a": "\\ud800"}}',
            b'{"customParams": {"\\udfff": 1}}',
            b'{"orderId": "\\ud83d"}',
        ],
        ids=lambda raw: raw[:30].decode("latin-1"),
    )
    async def test_what_cannot_be_read_without_doubt(self, shop: Shop, raw: bytes) -> None:
        async with nothing_happens(shop):
            answer = await send_raw(shop, raw)
            assert refusal(answer) == (400, "not_json", None)

    @pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "", "json"])
    async def test_what_is_not_sent_as_json(self, shop: Shop, content_type: str) -> None:
        async with nothing_happens(shop):
            answer = await send_raw(shop, json.dumps(order()), **{"Content-Type": content_type})
            assert refusal(answer) == (400, "not_json", None)

    @pytest.mark.parametrize("raw", ["[]", "null", "1", '"text"', "true"])
    async def test_json_that_is_no_object(self, shop: Shop, raw: str) -> None:
        async with nothing_happens(shop):
            assert (await send_raw(shop, raw)).status_code == 422

    async def test_a_body_that_is_too_large(self, shop: Shop) -> None:
        padded = json.dumps(order(customParams={"a": "x" * BODY_BYTES_MAX}))
        async with nothing_happens(shop):
            assert refusal(await send_raw(shop, padded)) == (413, "body_too_large", None)

    async def test_a_body_that_is_too_large_and_does_not_say_so(self, shop: Shop) -> None:
        async def chunks() -> AsyncGenerator[bytes, None]:
            for _ in range(6):
                yield b" " * 50_000

        async with nothing_happens(shop):
            answer = await shop.api.post(
                "/api/v1/payments/initiate", content=chunks(), headers=JSON
            )
            assert refusal(answer) == (413, "body_too_large", None)


class TestWrongValues:
    @pytest.mark.parametrize(
        ("changes", "code", "param"),
        [
            ({"orderId": None}, "invalid_value", "orderId"),
            ({"tenantId": None}, "invalid_value", "tenantId"),
            ({"surprise": 1}, "invalid_value", "surprise"),
            ({"tenant_id": "acme"}, "invalid_value", "tenant_id"),
            ({"details": [{**LINE, "sku": 1}]}, "invalid_value", "details.0.sku"),
            ({"orderId": 5}, "invalid_value", "orderId"),
            ({"orderId": ""}, "invalid_value", "orderId"),
            ({"orderId": "a\nb"}, "invalid_value", "orderId"),
            ({"orderId": "a\x00b"}, "invalid_value", "orderId"),
            ({"orderId": "x" * 129}, "invalid_value", "orderId"),
            ({"currency": "usd"}, "invalid_value", "currency"),
            ({"currency": "XXX"}, "invalid_value", "currency"),
            ({"currency": 840}, "invalid_value", "currency"),
            ({"allowPendingPayments": "true"}, "invalid_value", "allowPendingPayments"),
            ({"allowPendingPayments": 1}, "invalid_value", "allowPendingPayments"),
            ({"details": []}, "invalid_value", "details"),
            ({"details": [LINE] * 101}, "invalid_value", "details"),
            ({"details": [{**LINE, "quantity": "1"}]}, "invalid_value", "details.0.quantity"),
            ({"details": [{**LINE, "quantity": 1.5}]}, "invalid_value", "details.0.quantity"),
            ({"details": [{**LINE, "quantity": True}]}, "invalid_value", "details.0.quantity"),
            ({"details": [{**LINE, "quantity": 0}]}, "invalid_value", "details.0.quantity"),
            ({"details": [{**LINE, "quantity": 10**30}]}, "invalid_value", "details.0.quantity"),
            ({"details": [{**LINE, "description": " "}]}, "invalid_value", "details"),
            ({"details": [{**LINE, "urlProduct": "javascript:1"}]}, "invalid_value", "details"),
            ({"details": [{**LINE, "price": "10.00"}]}, "details_do_not_add_up", "details"),
            ({"details": [{**LINE, "price": "10.005"}]}, "invalid_amount", "details"),
            ({"details": [{**LINE, "price": "-19.99"}]}, "invalid_amount", "details"),
            ({"details": [{**LINE, "price": True}]}, "invalid_amount", "details.0.price"),
            ({"providerType": "VISA"}, "unsupported_provider", "providerType"),
            ({"providerType": "paypal"}, "invalid_value", "providerType"),
            ({"fallbackProviders": ["VISA"]}, "unsupported_provider", "providerType"),
            ({"fallbackProviders": ["PAYPAL"] * 11}, "invalid_value", "fallbackProviders"),
            ({"customParams": "text"}, "invalid_value", "customParams"),
            ({"customParams": {"a": "x" * 4096}}, "invalid_value", "customParams"),
            ({"customer": {"name": "Ana"}}, "invalid_value", "customer.reference"),
            ({"returnUrl": "https://evil.example/"}, "return_url_not_allowed", "returnUrl"),
            ({"returnUrl": "https://shop.example.evil.example"}, "return_url_not_allowed", None),
            ({"returnUrl": "http://shop.example"}, "return_url_not_allowed", "returnUrl"),
            ({"returnUrl": "https://shop.example:444"}, "return_url_not_allowed", "returnUrl"),
            ({"returnUrl": "https://shop.example@evil.example"}, "invalid_value", "returnUrl"),
            ({"returnUrl": "//shop.example/x"}, "invalid_value", "returnUrl"),
            ({"returnUrl": "javascript:alert(1)"}, "invalid_value", "returnUrl"),
            ({"returnUrl": "https://shop.example\\@evil.example"}, "invalid_value", "returnUrl"),
            ({"returnUrl": "https://shop.example:99999999"}, "invalid_value", "returnUrl"),
            ({"returnUrl": "https://[shop"}, "invalid_value", "returnUrl"),
            ({"cancelUrl": "https://evil.example"}, "return_url_not_allowed", "cancelUrl"),
            ({"externalReferenceNumber": ""}, "invalid_value", "externalReferenceNumber"),
        ],
        ids=str,
    )
    async def test_are_refused_by_name(
        self, shop: Shop, changes: dict[str, Any], code: str, param: str | None
    ) -> None:
        async with nothing_happens(shop):
            answer = await shop.initiate(**changes)
            assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
            assert param is None or answer.json()["param"] == param

    @pytest.mark.parametrize(
        ("amount", "currency"),
        [
            ("0", "USD"),
            ("0.00", "USD"),
            ("-0", "USD"),
            ("-1", "USD"),
            ("10.005", "USD"),
            ("1e-3", "USD"),
            ("1e400", "USD"),
            ("1e-400", "USD"),
            ("1E+99999999", "USD"),
            ("5000.01", "USD"),
            ("500.5", "JPY"),
            ("999999999999999999999999999999", "USD"),
            ("true", "USD"),
            ("[10]", "USD"),
            ('{"value": 10}', "USD"),
            ('""', "USD"),
            ('" 10.00"', "USD"),
            ('"10,00"', "USD"),
            ('"1_000"', "USD"),
            ('"0x10"', "USD"),
            ('"NaN"', "USD"),
            ('"sNaN"', "USD"),
            ('"Infinity"', "USD"),
            ('"1e400"', "USD"),
            ('"10.00 USD"', "USD"),
            ('"\\u0661\\u0660"', "USD"),
            ('"' + "9" * 5000 + '"', "USD"),
        ],
        ids=lambda value: str(value)[:30],
    )
    async def test_amounts_that_are_none(self, shop: Shop, amount: str, currency: str) -> None:
        raw = with_raw("amount", amount).replace("USD", currency)
        async with nothing_happens(shop):
            assert refusal(await send_raw(shop, raw)) == (422, "invalid_amount", "amount")

    async def test_an_amount_may_be_left_out_of_a_refund_only(self, shop: Shop) -> None:
        async with nothing_happens(shop):
            answer = await shop.initiate(amount=None)
            assert refusal(answer) == (422, "invalid_amount", "amount")

    @pytest.mark.parametrize("number", ["0.1234567890123456789", "1e400", "1e-400"])
    async def test_custom_numbers_that_json_would_not_give_back(
        self, shop: Shop, number: str
    ) -> None:
        async with nothing_happens(shop):
            answer = await send_raw(shop, with_raw("customParams", f'{{"a": [{number}]}}'))
            assert refusal(answer) == (422, "invalid_value", "customParams")

    async def test_a_currency_that_the_provider_does_not_take(self, shop: Shop) -> None:
        async with nothing_happens(shop):
            answer = await shop.initiate(currency="SVC")
            assert (answer.status_code, answer.json()["param"]) == (422, "currency")

    async def test_amounts_at_the_limit_are_accepted(self, shop: Shop) -> None:
        assert (await shop.opened_payment(amount=5000))["amount"] == "5000.00"
        assert (await shop.opened_payment(amount=0.01))["amount"] == "0.01"


class TestOtherCommands:
    @pytest.mark.parametrize("name", ["complete", "refund", "cancel"])
    @pytest.mark.parametrize(
        "payment_id", ["", "x", UNKNOWN_ID.upper(), f"{{{UNKNOWN_ID}}}", "../" + UNKNOWN_ID[3:], 7]
    )
    async def test_an_id_that_is_none(self, shop: Shop, name: str, payment_id: Any) -> None:
        more = {"providerType": "PAYPAL"} if name == "complete" else {}
        async with nothing_happens(shop):
            answer = await shop.command(name, payment_id, **more)
            assert refusal(answer) == (422, "invalid_value", "paymentId")

    @pytest.mark.parametrize("name", COMMANDS)
    async def test_fields_that_are_not_known(self, shop: Shop, name: str) -> None:
        body = {"tenantId": "acme", "paymentId": UNKNOWN_ID, "cardNumber": "4111111111111111"}
        async with nothing_happens(shop):
            answer = await shop.api.post(f"/api/v1/payments/{name}", json=body)
            assert answer.status_code == 422
            assert "4111111111111111" not in answer.text

    @pytest.mark.parametrize(
        ("changes", "code", "param"),
        [
            ({"amount": "0"}, "invalid_amount", "amount"),
            ({"amount": "-5"}, "invalid_amount", "amount"),
            ({"amount": "1.005"}, "invalid_amount", "amount"),
            ({"amount": True}, "invalid_amount", "amount"),
            ({"refundId": ""}, "invalid_value", "refundId"),
            ({"refundId": "a b"}, "invalid_value", "refundId"),
            ({"refundId": "x" * 65}, "invalid_value", "refundId"),
            ({"reason": "x" * 256}, "invalid_value", "reason"),
        ],
        ids=str,
    )
    async def test_wrong_values_of_a_refund(
        self, shop: Shop, changes: dict[str, Any], code: str, param: str
    ) -> None:
        payment_id = await shop.paid_payment()
        async with nothing_happens(shop):
            assert refusal(await shop.command("refund", payment_id, **changes)) == (
                422,
                code,
                param,
            )
