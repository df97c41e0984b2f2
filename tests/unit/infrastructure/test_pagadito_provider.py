"""Talking to Pagadito: what is sent, and what each code and status means for the money."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from payment_gateway.application.ports import (
    Absent,
    AwaitingPayer,
    CheckoutOpened,
    CheckoutReference,
    CheckoutRefused,
    CheckoutRequest,
    Declined,
    ProviderOutcomeUnknown,
    ProviderUnavailable,
    RefundRequest,
)
from payment_gateway.domain.errors import InvalidValue, RefundNotSupported
from payment_gateway.domain.value_objects.currency import EXPONENT
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_details import PaymentDetailVO
from payment_gateway.domain.value_objects.provider_credentials import PagaditoCredentialsVO
from payment_gateway.domain.value_objects.secret_text import SecretText
from payment_gateway.infrastructure.providers.http import HttpEndpoint
from payment_gateway.infrastructure.providers.pagadito.api import PagaditoApi
from payment_gateway.infrastructure.providers.pagadito.codes import (
    _CODES_BY_CLASS,
    CODES,
    CodeClass,
)
from payment_gateway.infrastructure.providers.pagadito.provider import PagaditoProvider
from payment_gateway.infrastructure.providers.pagadito.requests import CURRENCIES
from payment_gateway.infrastructure.providers.unavailable import AccountNotAccepted
from sandbox.providers.pagadito.codes import MESSAGES as CODES_OF_THE_SIMULATOR

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
TOTAL = PaymentAmountVO(15_50, "USD")
TOKEN = "0123456789abcdef0123456789abcdef"
PAGE = f"https://sandbox.pagadito.test/comercios/index.php?mod=login&token={TOKEN}&idca=7"
REQUEST = CheckoutRequest(
    payment_id="pay-1",
    attempt_id="att-1",
    reference_number="ERN-7",
    handle=TOKEN,
    amount=TOTAL,
    lines=(
        PaymentDetailVO(
            quantity=2,
            description='"Tea" <b>green</b>\n' + "x" * 200,
            price=PaymentAmountVO(7_00, "USD"),
            url_product="https://shop.test/tea?a=1&b=2",
        ),
        PaymentDetailVO(quantity=1, description="Wrap", price=PaymentAmountVO(1_50, "USD")),
    ),
    allow_pending=False,
    return_url="https://gateway.test/return",
    cancel_url="https://gateway.test/cancel",
)
CHECKOUT = CheckoutReference(
    payment_id="pay-1", provider_order_id=TOKEN, handle=TOKEN, amount=TOTAL
)
OPERATIONS = {
    "f3f191ce3326905ff4403bb05b0de150": "connect",
    "41216f8caf94aaa598db137e36d4673e": "exec_trans",
    "0b50820c65b0de71ce78f6221a5cf876": "get_status",
    "da6b597cfcd0daf129287758b3c73b76": "get_exchange_rate",
}


def result(code: str, value: object = None) -> httpx.Response:
    return httpx.Response(200, json={"code": code, "message": "?", "value": value})


def status(word: object, **more: object) -> httpx.Response:
    return result("PG1003", {"status": word, "reference": "R1", "date_trans": "?", **more})


class Pagadito:
    """A provider whose Pagadito answers with a script for each operation; connecting works."""

    def __init__(self, **answers: list[httpx.Response | type[httpx.TransportError]]) -> None:
        self.answers = answers
        self.calls: list[tuple[str, Mapping[str, str]]] = []
        self.currencies: list[str] = []
        client = httpx.AsyncClient(
            transport=httpx.MockTransport(self._handle), base_url="https://pagadito.test/comercios"
        )
        credentials = PagaditoCredentialsVO(uid="u1", wsk=SecretText("w1"), sandbox=True)
        api = PagaditoApi(HttpEndpoint(client, deadline_s=5), credentials)

        def api_for(currency: str) -> PagaditoApi:
            self.currencies.append(currency)
            return api

        self.provider = PagaditoProvider(api_for, checkout_validity_s=600, now=lambda: NOON)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/comercios/apipg/charges.php"
        form = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
        name = OPERATIONS[form.pop("operation")]
        assert form.pop("format_return") == "json"
        self.calls.append((name, form))
        scripted = self.answers.get(name)
        if not scripted:
            assert name == "connect", f"{name} was not expected"
            return result("PG1001", f"session{len(self.calls)}")
        answer = scripted.pop(0)
        if isinstance(answer, httpx.Response):
            return answer
        raise answer("silence", request=request)


def test_every_code_is_in_one_class() -> None:
    listed = [code for codes in _CODES_BY_CLASS.values() for code in codes]

    assert len(listed) == len(set(listed)) == len(CODES)
    assert set(_CODES_BY_CLASS) == set(CodeClass)
    assert set(CODES_OF_THE_SIMULATOR) <= set(CODES)


def test_amounts_of_all_its_currencies_have_two_decimals() -> None:
    assert {EXPONENT[currency] for currency in CURRENCIES} == {2}


async def test_the_handle_is_the_token_of_a_session() -> None:
    pagadito = Pagadito()

    assert await pagadito.provider.prepare("USD") == "session1"
    assert pagadito.calls == [("connect", {"uid": "u1", "wsk": "w1"})]


async def test_a_charge_carries_what_pagadito_wants_of_it() -> None:
    pagadito = Pagadito(exec_trans=[result("PG1002", PAGE)])

    opened = await pagadito.provider.create_checkout(REQUEST)

    assert opened == CheckoutOpened(
        provider_order_id=TOKEN, checkout_url=PAGE, expires_at=NOON + timedelta(minutes=10)
    )
    [(name, form)] = pagadito.calls
    details = form["details"]
    assert name == "exec_trans"
    assert {key: value for key, value in form.items() if key != "details"} == {
        "token": TOKEN,
        "ern": "ERN-7",
        "amount": "15.50",
        "custom_params": "[]",
        "currency": "USD",
        "allow_pending_payments": "false",
    }
    assert '"price":7.00' in details
    assert json.loads(details) == [
        {
            "quantity": 2,
            "description": "Tea b green /b " + "x" * 135,
            "price": 7.0,
            "url_product": "https://shop.test/tea?a=1&b=2",
        },
        {"quantity": 1, "description": "Wrap", "price": 1.5, "url_product": ""},
    ]


async def test_held_payments_are_allowed_in_words() -> None:
    pagadito = Pagadito(exec_trans=[result("PG1002", PAGE)])

    await pagadito.provider.create_checkout(replace(REQUEST, allow_pending=True))

    assert pagadito.calls[0][1]["allow_pending_payments"] == "true"


async def test_an_encoded_page_address_is_decoded_and_another_is_left_alone() -> None:
    encoded = "https%3A%2F%2Fpagadito.test%2Fpay%3Fa%3D1"
    plain = "https://pagadito.test/pay?a=%2F"

    for value, page in ((encoded, "https://pagadito.test/pay?a=1"), (plain, plain)):
        pagadito = Pagadito(exec_trans=[result("PG1002", value)])
        opened = await pagadito.provider.create_checkout(REQUEST)
        assert isinstance(opened, CheckoutOpened)
        assert opened.checkout_url == page


@pytest.mark.parametrize("value", [None, "", 5, {}, "javascript:alert(1)", "pagadito.test/pay"])
async def test_registered_without_a_page_is_unknown(value: object) -> None:
    with pytest.raises(ProviderOutcomeUnknown):
        await Pagadito(exec_trans=[result("PG1002", value)]).provider.create_checkout(REQUEST)


@pytest.mark.parametrize(("code", "kind"), [*CODES.items(), ("PG9999", None)])
class TestEveryCode:
    async def test_of_a_charge(self, code: str, kind: CodeClass | None) -> None:
        pagadito = Pagadito(exec_trans=[result(code)], get_status=[result("PG3003")])
        calling = pagadito.provider.create_checkout(REQUEST)

        if kind is CodeClass.REFUSED:
            assert await calling == CheckoutRefused(reason=code)
        else:
            unregistered = kind is CodeClass.STALE_TOKEN
            with pytest.raises(ProviderUnavailable if unregistered else ProviderOutcomeUnknown):
                await calling

    async def test_of_an_inquiry(self, code: str, kind: CodeClass | None) -> None:
        calling = Pagadito(get_status=[result(code), result(code)]).provider.inquire(CHECKOUT)

        if kind is CodeClass.ABSENT:
            assert await calling == Absent()
        else:
            with pytest.raises(ProviderOutcomeUnknown):
                await calling

    async def test_of_connecting(self, code: str, kind: CodeClass | None) -> None:
        answer = result(code)

        refused = kind is CodeClass.REFUSED
        with pytest.raises(AccountNotAccepted if refused else ProviderUnavailable):
            await Pagadito(connect=[answer]).provider.prepare("USD")
        with pytest.raises(ProviderUnavailable):
            await Pagadito(connect=[answer]).provider.inquire(CHECKOUT)


@pytest.mark.parametrize(
    "found", [status("REGISTERED"), status("COMPLETED"), status("NEW_WORD"), httpx.ConnectError]
)
async def test_a_used_token_may_have_registered_the_charge(
    found: httpx.Response | type[httpx.TransportError],
) -> None:
    pagadito = Pagadito(exec_trans=[result("PG3007")], get_status=[found])

    with pytest.raises(ProviderOutcomeUnknown):
        await pagadito.provider.create_checkout(REQUEST)


async def test_an_account_that_is_not_accepted_says_so_before_an_attempt_is_stored() -> None:
    with pytest.raises(AccountNotAccepted, match="PG3005"):
        await Pagadito(connect=[result("PG3005")]).provider.prepare("USD")


async def test_an_attempt_without_a_session_is_refused_unasked() -> None:
    pagadito = Pagadito()
    refused = await pagadito.provider.create_checkout(replace(REQUEST, handle=None))
    assert refused == CheckoutRefused(reason="account_refused")
    assert pagadito.calls == []


@pytest.mark.parametrize(
    "answer",
    [
        status("PENDING"),
        status("completed"),
        status(None),
        status(["COMPLETED"]),
        result("PG1003"),
        result("PG1003", "COMPLETED"),
        result("PG1003", []),
        httpx.Response(200, content=b""),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json={"message": "no code"}),
        httpx.Response(200, json={"code": 1003}),
        httpx.Response(201, json={"code": "PG1003", "value": {"status": "COMPLETED"}}),
        httpx.Response(302),
        httpx.Response(404, json={"code": "PG3003"}),
        httpx.Response(500, json={"code": "PG3003"}),
        httpx.ReadTimeout,
    ],
)
async def test_a_word_or_a_shape_that_is_not_known_is_unknown(
    answer: httpx.Response | type[httpx.TransportError],
) -> None:
    for call in (
        Pagadito(get_status=[answer]).provider.inquire(CHECKOUT),
        Pagadito(get_status=[answer]).provider.capture(CHECKOUT, capture_id="c"),
        Pagadito(exec_trans=[answer]).provider.create_checkout(REQUEST),
    ):
        with pytest.raises(ProviderOutcomeUnknown):
            await call


async def test_a_session_that_went_stale_is_replaced_once() -> None:
    pagadito = Pagadito(get_status=[result("PG3007"), status("REGISTERED")])

    assert await pagadito.provider.inquire(CHECKOUT) == AwaitingPayer()
    assert [name for name, _ in pagadito.calls] == ["connect", "get_status"] * 2


async def test_a_lost_charge_is_asked_about_by_its_handle() -> None:
    pagadito = Pagadito(get_status=[result("PG3003")])
    lost = replace(CHECKOUT, provider_order_id=None)

    assert await pagadito.provider.inquire(lost) == Absent()
    assert pagadito.calls[1][1]["token_trans"] == TOKEN


async def test_without_a_handle_nothing_was_ever_registered() -> None:
    pagadito = Pagadito()

    nothing = replace(CHECKOUT, provider_order_id=None, handle=None)
    assert await pagadito.provider.inquire(nothing) == Absent()
    assert pagadito.calls == []


@pytest.mark.parametrize(
    ("word", "recoverable"), [("REGISTERED", True), ("CANCELED", False), ("EXPIRED", False)]
)
async def test_a_capture_takes_nothing_itself(word: str, recoverable: bool) -> None:
    pagadito = Pagadito(get_status=[status(word)])

    outcome = await pagadito.provider.capture(CHECKOUT, capture_id="c")

    assert outcome == Declined(reason=word, recoverable=recoverable)
    assert [name for name, _ in pagadito.calls] == ["connect", "get_status"]


async def test_there_are_no_refunds() -> None:
    request = RefundRequest(
        payment_id="p",
        refund_id="r",
        capture_reference="R1",
        amount=TOTAL,
        reason=None,
    )

    with pytest.raises(RefundNotSupported):
        await Pagadito().provider.refund(request)


async def test_each_currency_has_its_host() -> None:
    quetzales = PaymentAmountVO(15_50, "GTQ")
    pagadito = Pagadito(exec_trans=[result("PG1002", PAGE)], get_status=[status("REGISTERED")])

    await pagadito.provider.prepare("GTQ")
    await pagadito.provider.create_checkout(replace(REQUEST, amount=quetzales))
    await pagadito.provider.inquire(replace(CHECKOUT, amount=quetzales))

    assert set(pagadito.currencies) == {"GTQ"}


def test_currencies_it_does_not_take_are_refused() -> None:
    euros: dict[str, Any] = {"amount": PaymentAmountVO(1, "EUR")}

    with pytest.raises(InvalidValue) as refused:
        Pagadito().provider.check(replace(REQUEST, **euros))

    assert refused.value.param == "currency"
