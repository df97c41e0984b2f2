"""Talking to PayPal: what is sent, and what each answer means for the money."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from payment_gateway.application.ports import (
    Captured,
    CheckoutOpened,
    CheckoutReference,
    CheckoutRefused,
    CheckoutRequest,
    Declined,
    Expired,
    ProviderOutcomeUnknown,
    ProviderUnavailable,
    Refunded,
    RefundRefused,
    RefundRequest,
)
from payment_gateway.domain.errors import InvalidAmountError
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_details import PaymentDetailVO
from payment_gateway.domain.value_objects.provider_credentials import PayPalCredentialsVO
from payment_gateway.domain.value_objects.secret_text import SecretText
from payment_gateway.infrastructure.providers.http import HttpEndpoint
from payment_gateway.infrastructure.providers.paypal import api
from payment_gateway.infrastructure.providers.paypal.access_token import AccessTokens
from payment_gateway.infrastructure.providers.paypal.api import PayPalApi
from payment_gateway.infrastructure.providers.paypal.issues import ISSUES, IssueClass
from payment_gateway.infrastructure.providers.paypal.provider import PayPalProvider
from payment_gateway.infrastructure.providers.unavailable import AccountNotAccepted

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
TOTAL = PaymentAmountVO(15_50, "USD")
CHECKOUT = CheckoutReference(payment_id="p", provider_order_id="5O1", handle=None, amount=TOTAL)
REQUEST = CheckoutRequest(
    payment_id="pay-1",
    attempt_id="att-1",
    reference_number="ERN-7",
    handle=None,
    amount=TOTAL,
    lines=(
        PaymentDetailVO(
            quantity=2, description=f"Tea\n{'x' * 200}", price=PaymentAmountVO(7_00, "USD")
        ),
        PaymentDetailVO(quantity=1, description="Wrap", price=PaymentAmountVO(1_50, "USD")),
    ),
    allow_pending=False,
    return_url="https://gateway.test/return",
    cancel_url="https://gateway.test/cancel",
)
REFUND = RefundRequest(
    payment_id="pay-1",
    refund_id="ref-1",
    capture_reference="3C6",
    amount=PaymentAmountVO(5_25, "USD"),
    reason="broken\tcup",
)
COMPLETED: dict[str, Any] = {
    "id": "5O1",
    "status": "COMPLETED",
    "purchase_units": [
        {
            "payments": {
                "captures": [
                    {
                        "id": "3C6",
                        "status": "COMPLETED",
                        "amount": {"currency_code": "USD", "value": "15.50"},
                    }
                ]
            }
        }
    ],
}
CREATED = {
    "id": "5O1",
    "status": "PAYER_ACTION_REQUIRED",
    "links": [{"rel": "payer-action", "href": "https://www.paypal.test/checkoutnow?token=5O1"}],
}

Handler = Callable[[httpx.Request], httpx.Response]


class PayPal:
    """A provider whose PayPal answers with a script: one answer a request, tokens aside."""

    def __init__(self, *answers: httpx.Response | type[httpx.TransportError]) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.tokens = 0
        client = httpx.AsyncClient(
            transport=httpx.MockTransport(self._handle), base_url="https://paypal.test"
        )
        http = HttpEndpoint(client, deadline_s=5)
        credentials = PayPalCredentialsVO(
            client_id="id", client_secret=SecretText("s"), webhook_id="W", sandbox=True
        )
        self.provider = PayPalProvider(
            PayPalApi(http, AccessTokens(http), credentials),
            checkout_validity_s=3600,
            now=lambda: NOON,
        )

    def _handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/oauth2/token":
            self.tokens += 1
            body = {"access_token": f"t{self.tokens}", "expires_in": 1000}
            return httpx.Response(200, json=body)
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, httpx.Response):
            return answer
        raise answer("silence", request=request)


def ok(body: object, status: int = 201) -> httpx.Response:
    return httpx.Response(status, json=body)


def no(issue: str, status: int = 422) -> httpx.Response:
    body = {"name": "UNPROCESSABLE_ENTITY", "details": [{"issue": issue}]}
    return httpx.Response(status, json=body)


UNAUTHORISED = httpx.Response(401, json={"error": "invalid_token"})


async def test_an_order_carries_everything_that_identifies_the_payment() -> None:
    paypal = PayPal(ok(CREATED))

    opened = await paypal.provider.create_checkout(REQUEST)

    assert opened == CheckoutOpened(
        provider_order_id="5O1",
        checkout_url="https://www.paypal.test/checkoutnow?token=5O1",
        expires_at=NOON + timedelta(hours=1),
    )
    [request] = paypal.requests
    assert request.url.path == "/v2/checkout/orders"
    assert request.headers["paypal-request-id"] == "att-1"
    assert request.headers["authorization"] == "Bearer t1"
    assert json.loads(request.content) == {
        "intent": "CAPTURE",
        "purchase_units": [
            {
                "custom_id": "pay-1",
                "invoice_id": "ERN-7",
                "amount": {
                    "currency_code": "USD",
                    "value": "15.50",
                    "breakdown": {"item_total": {"currency_code": "USD", "value": "15.50"}},
                },
                "items": [
                    {
                        "name": "Tea " + "x" * 123,
                        "quantity": "2",
                        "unit_amount": {"currency_code": "USD", "value": "7.00"},
                    },
                    {
                        "name": "Wrap",
                        "quantity": "1",
                        "unit_amount": {"currency_code": "USD", "value": "1.50"},
                    },
                ],
            }
        ],
        "payment_source": {
            "paypal": {
                "experience_context": {
                    "shipping_preference": "NO_SHIPPING",
                    "user_action": "PAY_NOW",
                    "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED",
                    "return_url": "https://gateway.test/return",
                    "cancel_url": "https://gateway.test/cancel",
                }
            }
        },
    }


@pytest.mark.parametrize(("issue", "kind"), [*ISSUES.items(), ("NEW_WORD", None)])
class TestEveryIssue:
    async def test_of_a_create(self, issue: str, kind: IssueClass | None) -> None:
        """Even a new word refuses an order: without a page nobody can pay it."""
        calling = PayPal(no(issue)).provider.create_checkout(REQUEST)

        if kind in {IssueClass.UNCLEAR, IssueClass.DONE_BEFORE}:
            with pytest.raises(ProviderOutcomeUnknown):
                await calling
        else:
            assert await calling == CheckoutRefused(reason=issue)

    async def test_of_a_capture(self, issue: str, kind: IssueClass | None) -> None:
        calling = PayPal(no(issue), ok(COMPLETED, 200)).provider.capture(CHECKOUT, capture_id="c")

        if kind in {IssueClass.UNCLEAR, None}:
            with pytest.raises(ProviderOutcomeUnknown):
                await calling
        elif kind is IssueClass.DONE_BEFORE:
            assert await calling == Captured(reference="3C6", amount=TOTAL)
        else:
            recoverable = kind is IssueClass.PAYERS_TURN
            assert await calling == Declined(reason=issue, recoverable=recoverable)

    async def test_of_a_refund(self, issue: str, kind: IssueClass | None) -> None:
        calling = PayPal(no(issue)).provider.refund(REFUND)

        if kind in {IssueClass.UNCLEAR, IssueClass.DONE_BEFORE, None}:
            with pytest.raises(ProviderOutcomeUnknown):
                await calling
        else:
            assert await calling == RefundRefused(reason=issue)

    async def test_of_an_inquiry(self, issue: str, kind: IssueClass | None) -> None:
        calling = PayPal(no(issue, 404)).provider.inquire(CHECKOUT)

        if kind is IssueClass.GONE:
            assert await calling == Expired()
        else:
            with pytest.raises(ProviderOutcomeUnknown):
                await calling


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b""),
        httpx.Response(204),
        httpx.Response(201, content=b"<html>"),
        httpx.Response(201, json=[]),
        httpx.Response(201, json={}),
        httpx.Response(302, headers={"Location": "https://evil.test"}),
        httpx.Response(403, content=b"<html>403 Forbidden</html>"),
        httpx.Response(404, content=b"<html>"),
        httpx.Response(404, json={"error": "not here"}),
        httpx.Response(422, json={}),
    ],
)
async def test_an_answer_that_is_not_paypals_is_unknown(answer: httpx.Response) -> None:
    """A capture without a capture in its answer looks at the order, which says nothing here either."""

    def provider() -> PayPalProvider:
        return PayPal(answer, answer).provider

    for call in (
        provider().create_checkout(REQUEST),
        provider().capture(CHECKOUT, capture_id="c"),
        provider().inquire(CHECKOUT),
        provider().refund(REFUND),
    ):
        with pytest.raises(ProviderOutcomeUnknown):
            await call


async def test_a_capture_sends_its_id_and_reads_the_whole_answer() -> None:
    paypal = PayPal(ok(COMPLETED))

    outcome = await paypal.provider.capture(CHECKOUT, capture_id="cap-1")

    assert outcome == Captured(reference="3C6", amount=TOTAL)
    [request] = paypal.requests
    assert request.url.path == "/v2/checkout/orders/5O1/capture"
    assert request.headers["paypal-request-id"] == "cap-1"
    assert request.headers["prefer"] == "return=representation"
    assert request.headers["content-type"] == "application/json"
    assert request.content == b"{}"


async def test_captured_before_but_then_out_of_reach_is_unknown() -> None:
    paypal = PayPal(no("ORDER_ALREADY_CAPTURED"), httpx.ConnectError)

    with pytest.raises(ProviderOutcomeUnknown):
        await paypal.provider.capture(CHECKOUT, capture_id="c")


async def test_a_minimal_answer_to_a_capture_is_completed_by_the_order() -> None:
    paypal = PayPal(ok({"id": "5O1", "status": "COMPLETED"}), ok(COMPLETED, 200))

    outcome = await paypal.provider.capture(CHECKOUT, capture_id="c")

    assert outcome == Captured(reference="3C6", amount=TOTAL)


async def test_without_an_order_id_there_is_nothing_to_ask_or_take() -> None:
    lost = CheckoutReference(payment_id="p", provider_order_id=None, handle=None, amount=TOTAL)
    paypal = PayPal()

    with pytest.raises(ProviderOutcomeUnknown):
        await paypal.provider.inquire(lost)
    with pytest.raises(ProviderOutcomeUnknown):
        await paypal.provider.capture(lost, capture_id="c")
    assert paypal.requests == []


async def test_a_refund_names_its_amount_and_its_id_twice() -> None:
    paypal = PayPal(ok({"id": "1R", "status": "COMPLETED"}))

    assert await paypal.provider.refund(REFUND) == Refunded(reference="1R")
    [request] = paypal.requests
    assert request.url.path == "/v2/payments/captures/3C6/refund"
    assert request.headers["paypal-request-id"] == "ref-1"
    assert json.loads(request.content) == {
        "amount": {"currency_code": "USD", "value": "5.25"},
        "invoice_id": "ref-1",
        "custom_id": "pay-1",
        "note_to_payer": "broken cup",
    }


async def test_a_token_that_is_no_longer_accepted_is_renewed_once() -> None:
    paypal = PayPal(UNAUTHORISED, ok(COMPLETED))

    assert isinstance(await paypal.provider.capture(CHECKOUT, capture_id="c"), Captured)
    sent = [request.headers["authorization"] for request in paypal.requests]
    assert sent == ["Bearer t1", "Bearer t2"]


async def test_an_account_that_is_refused_again_and_again_is_not_asked_for_ever() -> None:
    paypal = PayPal(UNAUTHORISED, UNAUTHORISED)

    with pytest.raises(ProviderUnavailable):
        await paypal.provider.capture(CHECKOUT, capture_id="c")
    with pytest.raises(AccountNotAccepted, match="invalid_token"):
        await PayPal(UNAUTHORISED, UNAUTHORISED).provider.create_checkout(REQUEST)
    assert len(paypal.requests) == 2


async def test_a_request_under_way_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "IN_PROGRESS_WAITS_S", (0.0, 0.0, 0.0))
    running = no("PREVIOUS_REQUEST_IN_PROGRESS", 409)

    paypal = PayPal(running, running, ok(COMPLETED, 200))
    assert isinstance(await paypal.provider.capture(CHECKOUT, capture_id="c"), Captured)

    for last in (running, httpx.ConnectError, httpx.Response(429)):
        with pytest.raises(ProviderOutcomeUnknown):
            await PayPal(running, running, running, last).provider.capture(CHECKOUT, capture_id="c")


async def test_ids_cannot_leave_their_place_in_the_address() -> None:
    paypal = PayPal(no("INVALID_RESOURCE_ID", 404))
    strange = CheckoutReference(
        payment_id="p", provider_order_id="../../v1/x?y", handle=None, amount=TOTAL
    )

    await paypal.provider.inquire(strange)

    assert paypal.requests[0].url.raw_path == b"/v2/checkout/orders/..%2F..%2Fv1%2Fx%3Fy"


async def test_fractions_that_paypal_refuses_are_refused_before() -> None:
    half = PaymentAmountVO(10_50, "HUF")
    line = PaymentDetailVO(quantity=2, description="Tea", price=half)
    request = CheckoutRequest(
        payment_id="p",
        attempt_id="a",
        reference_number="ERN-1",
        handle=None,
        amount=PaymentAmountVO(21_00, "HUF"),
        lines=(line,),
        allow_pending=True,
        return_url="https://gateway.test/",
        cancel_url="https://gateway.test/",
    )

    with pytest.raises(InvalidAmountError):
        PayPal().provider.check(request)
