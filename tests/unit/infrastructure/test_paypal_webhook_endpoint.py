"""PayPal's notifications, checked by PayPal itself: asked about the very bytes, believed only on a clear yes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.application.webhooks import SignatureRefused, VerificationUnavailable
from payment_gateway.domain.value_objects.provider_credentials import PayPalCredentialsVO
from payment_gateway.domain.value_objects.secret_text import SecretText
from payment_gateway.infrastructure.providers.http import HttpEndpoint
from payment_gateway.infrastructure.providers.paypal.access_token import AccessTokens
from payment_gateway.infrastructure.providers.paypal.api import PayPalApi
from payment_gateway.infrastructure.webhooks import paypal_endpoint
from payment_gateway.infrastructure.webhooks.paypal import PayPalWebhooks
from payment_gateway.infrastructure.webhooks.paypal_endpoint import EndpointCheck

URL: Final = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1"
SENT_AT: Final = "2026-06-01T11:59:50Z"
# What a careful encoder would write otherwise: each of these bytes is part of what is signed.
BODY: Final = (
    b'{"id":"WH-1" ,"event_type":"PAYMENT.CAPTURE.COMPLETED","resource":'
    b'{"value":1.0, "links":{},"big":12345678901234567890,"name":"Jos\\u00e9 \xc3\xa9","e":1E2}}'
)
ACCOUNT: Final = PayPalCredentialsVO(
    client_id="c", client_secret=SecretText("s"), webhook_id="WH-ID", sandbox=True
)
HEADERS: Final = {
    "paypal-transmission-id": "T-1",
    "paypal-transmission-time": SENT_AT,
    "paypal-transmission-sig": "c2ln",
    "paypal-cert-url": URL,
    "paypal-auth-algo": "SHA256withRSA",
}
TOKEN: Final = {"access_token": "token", "expires_in": 3600}


@dataclass
class PayPal:
    """Gives tokens, and one answer to each question."""

    answer: httpx.Response | Exception = field(
        default_factory=lambda: httpx.Response(200, json={"verification_status": "SUCCESS"})
    )
    token: httpx.Response = field(default_factory=lambda: httpx.Response(200, json=TOKEN))
    asked: list[httpx.Request] = field(default_factory=list)

    def webhooks(self) -> PayPalWebhooks:
        client = httpx.AsyncClient(
            transport=httpx.MockTransport(self._serve), base_url="https://paypal.test"
        )
        http = HttpEndpoint(client, deadline_s=5)
        tokens = AccessTokens(http)
        check = EndpointCheck(lambda account: PayPalApi(http, tokens, account))
        return PayPalWebhooks(transmissions=check, base_url=None)

    def _serve(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/oauth2/token":
            return self.token
        assert request.url.path == "/v1/notifications/verify-webhook-signature"
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def refusal(name: str, issue: str) -> dict[str, Any]:
    return {"name": name, "details": [{"issue": issue}]}


class TestQuestion:
    async def test_it_holds_the_headers_the_webhook_and_the_bytes_as_they_came(self) -> None:
        paypal = PayPal()

        at = await paypal.webhooks().verify(HEADERS, BODY, ACCOUNT)

        assert at == datetime(2026, 6, 1, 11, 59, 50, tzinfo=UTC)
        (question,) = paypal.asked
        assert question.content.count(b'"webhook_event":' + BODY) == 1
        assert {k: v for k, v in json.loads(question.content).items() if k != "webhook_event"} == {
            "auth_algo": "SHA256withRSA",
            "cert_url": URL,
            "transmission_id": "T-1",
            "transmission_sig": "c2ln",
            "transmission_time": SENT_AT,
            "webhook_id": "WH-ID",
        }
        assert question.headers["authorization"] == "Bearer token"

    @given(
        st.dictionaries(
            st.text(),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
                max_leaves=10,
            ),
        ),
        st.booleans(),
        st.sampled_from([None, 1]),
    )
    async def test_whatever_the_bytes_they_are_one_value_in_it(
        self, document: dict[str, Any], ascii_only: bool, indent: int | None
    ) -> None:
        try:
            body = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode()
        except UnicodeEncodeError:  # a lone surrogate has no UTF-8
            return
        paypal = PayPal()

        await paypal.webhooks().verify(HEADERS, body, ACCOUNT)

        assert body in paypal.asked[0].content
        assert json.loads(paypal.asked[0].content)["webhook_event"] == document

    @pytest.mark.parametrize(
        "body",
        [
            b'{},"webhook_id":"another","webhook_event":{}',
            b'{"id":"WH-1"',
            b"[]",
            b"\xef\xbb\xbf{}",
            '{"id":"WH-1"}'.encode("utf-16"),
            b'{"id":"\xff"}',
            b"[" * 100_000,
        ],
    )
    async def test_bytes_that_are_not_one_object_are_refused_unasked(self, body: bytes) -> None:
        paypal = PayPal()
        with pytest.raises(SignatureRefused):
            await paypal.webhooks().verify(HEADERS, body, ACCOUNT)
        assert paypal.asked == []

    async def test_nothing_is_asked_about_a_certificate_that_is_not_paypals(self) -> None:
        paypal = PayPal()
        headers = HEADERS | {"paypal-cert-url": "https://evilpaypal.com/v1/notifications/certs/x"}
        with pytest.raises(SignatureRefused):
            await paypal.webhooks().verify(headers, BODY, ACCOUNT)
        assert paypal.asked == []


class TestVerdict:
    @pytest.mark.parametrize(
        "answer",
        [
            httpx.Response(200, json={"verification_status": "FAILURE"}),
            httpx.Response(400, json=refusal("INVALID_REQUEST", "INVALID_PARAMETER_SYNTAX")),
            httpx.Response(422, json=refusal("UNPROCESSABLE_ENTITY", "INVALID_TRANSMISSION_ID")),
        ],
    )
    async def test_a_no_is_a_refusal(self, answer: httpx.Response) -> None:
        with pytest.raises(SignatureRefused):
            await PayPal(answer).webhooks().verify(HEADERS, BODY, ACCOUNT)

    @pytest.mark.parametrize(
        "answer",
        [
            httpx.Response(200),
            httpx.Response(200, json={}),
            httpx.Response(200, json={"verification_status": "MAYBE"}),
            httpx.Response(200, json={"verification_status": True}),
            httpx.Response(204),
            httpx.Response(202, html="<html>"),
            httpx.Response(302, headers={"Location": "https://elsewhere.example"}),
            httpx.Response(400, html="<html>"),
            httpx.Response(400, json={"verification_status": "SUCCESS"}),
            httpx.Response(403, json=refusal("NOT_AUTHORIZED", "PERMISSION_DENIED")),
            httpx.Response(404, json=refusal("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")),
            httpx.Response(429),
            httpx.Response(500),
            httpx.Response(503, json={"verification_status": "SUCCESS"}),
            httpx.ConnectError("nobody there"),
            httpx.ReadTimeout("silence"),
            httpx.RemoteProtocolError("hung up"),
        ],
    )
    async def test_anything_unclear_is_asked_again_later(
        self, answer: httpx.Response | Exception
    ) -> None:
        with pytest.raises(VerificationUnavailable):
            await PayPal(answer).webhooks().verify(HEADERS, BODY, ACCOUNT)

    @pytest.mark.parametrize("token", [httpx.Response(401), httpx.Response(503)])
    async def test_without_a_token_nothing_is_known(self, token: httpx.Response) -> None:
        with pytest.raises(VerificationUnavailable):
            await PayPal(token=token).webhooks().verify(HEADERS, BODY, ACCOUNT)

    async def test_silence_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(paypal_endpoint, "ANSWER_WITHIN_S", 0.05)

        def never(_: PayPalCredentialsVO) -> PayPalApi:
            client = httpx.AsyncClient(transport=httpx.MockTransport(silent), base_url="https://x")
            http = HttpEndpoint(client, deadline_s=60)
            return PayPalApi(http, AccessTokens(http), ACCOUNT)

        async def silent(_: httpx.Request) -> httpx.Response:
            await asyncio.Event().wait()
            raise AssertionError("it never ends")

        webhooks = PayPalWebhooks(transmissions=EndpointCheck(never), base_url=None)
        with pytest.raises(VerificationUnavailable):
            await webhooks.verify(HEADERS, BODY, ACCOUNT)
