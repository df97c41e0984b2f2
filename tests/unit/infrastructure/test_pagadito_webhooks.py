"""Pagadito's notifications: what they say, and that Pagadito signed them for this very account."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Final

import pytest

from payment_gateway.application.webhooks import (
    NotANotification,
    PaymentNews,
    SignatureRefused,
    VerificationUnavailable,
)
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.provider_credentials import PagaditoCredentialsVO
from payment_gateway.domain.value_objects.secret_text import SecretText
from payment_gateway.infrastructure.webhooks.pagadito import PagaditoWebhooks
from payment_gateway.infrastructure.webhooks.signature import checksum
from tests.unit.infrastructure.webhook_signer import (
    Hosts,
    authority,
    certificate,
    new_key,
    pem,
    sign,
    trusting,
)

HOST: Final = "sandbox.pagadito.com"
URL: Final = f"https://{HOST}/cert.pem"
TOKEN: Final = "0123456789abcdef0123456789abcdef"
BODY: Final = (
    b'{"id":"a1b2c3","event_create_timestamp":"2024-01-15 10:00:00",'
    b'"event_type":"TRANSACTION.STATUS.CHANGE",'
    b'"resource":{"token":"0123456789abcdef0123456789abcdef","ern":"ORD-1","status":"COMPLETED"}}'
)


def account(*, wsk: str = "WSKTEST", sandbox: bool = True) -> PagaditoCredentialsVO:
    return PagaditoCredentialsVO(uid="u", wsk=SecretText(wsk), sandbox=sandbox)


def signed(**changes: str) -> dict[str, str]:
    """Return the headers of a notification that Pagadito signed, with some of them changed."""
    return {
        "pagadito-notification-id": "NID-1",
        "pagadito-notification-timestamp": "1705312800",
        "pagadito-auth-algo": "sha256WithRSAEncryption",
        "pagadito-cert-url": URL,
        "pagadito-signature": sign("NID-1|1705312800|a1b2c3|3603534943|WSKTEST", new_key(HOST)),
    } | {f"pagadito-{name.replace('_', '-')}": value for name, value in changes.items()}


def webhooks(hosts: Hosts | None = None) -> PagaditoWebhooks:
    if hosts is None:
        hosts = Hosts()
        hosts.serve(URL, pem(certificate(HOST, issuer="root")))
    return PagaditoWebhooks(
        signatures=hosts.signatures(trusting(authority("root"), domain="pagadito.com")),
        base_url=None,
    )


class TestSignature:
    def test_the_checksum_is_unsigned(self) -> None:
        assert (len(BODY), checksum(BODY)) == (194, 3_603_534_943)

    async def test_of_pagadito_for_this_account(self) -> None:
        at = await webhooks().verify(signed(), BODY, account())

        assert at == datetime(2024, 1, 15, 10, tzinfo=UTC)

    @pytest.mark.parametrize(
        "name", ["SHA256withRSA", "RSA-SHA256", "sha256", "SHA256WITHRSAENCRYPTION"]
    )
    async def test_by_any_name_of_the_algorithm(self, name: str) -> None:
        await webhooks().verify(signed(auth_algo=name), BODY, account())

    async def test_with_another_merchants_secret(self) -> None:
        with pytest.raises(SignatureRefused):
            await webhooks().verify(signed(), BODY, account(wsk="another"))

    async def test_over_other_bytes(self) -> None:
        with pytest.raises(SignatureRefused):
            await webhooks().verify(signed(), BODY.replace(b"ORD-1", b"ORD-2"), account())

    @pytest.mark.parametrize(
        "changes",
        [
            {"notification_id": "NID-2"},
            {"notification_timestamp": "1705312801"},
            {"signature": "AAAA"},
            {"auth_algo": "sha1WithRSAEncryption"},
            {"cert_url": "http://sandbox.pagadito.com/cert.pem"},
            {"cert_url": "https://x.pagadito.example/cert.pem"},
            {"cert_url": ""},
        ],
    )
    async def test_that_does_not_fit_its_headers(self, changes: dict[str, str]) -> None:
        with pytest.raises(SignatureRefused):
            await webhooks().verify(signed(**changes), BODY, account())

    async def test_of_the_test_environment_for_a_live_account(self) -> None:
        with pytest.raises(SignatureRefused):
            await webhooks().verify(signed(), BODY, account(sandbox=False))

    async def test_that_cannot_be_checked_is_not_taken(self) -> None:
        with pytest.raises(VerificationUnavailable):
            await webhooks(Hosts()).verify(signed(), BODY, account())

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2024-01-15 10:00:00", datetime(2024, 1, 15, 10, tzinfo=UTC)),
            ("2024-01-15T10:00:00-06:00", datetime(2024, 1, 15, 16, tzinfo=UTC)),
            ("yesterday", None),
            ("99999999999", datetime(5138, 11, 16, 9, 46, 39, tzinfo=UTC)),
            ("9" * 30, None),
        ],
    )
    async def test_a_time_in_any_form_or_none(self, text: str, expected: datetime | None) -> None:
        again = sign(f"NID-1|{text}|a1b2c3|3603534943|WSKTEST", new_key(HOST))
        headers = signed(notification_timestamp=text, signature=again)

        assert await webhooks().verify(headers, BODY, account()) == expected


class TestWhatItSays:
    def test_of_a_status(self) -> None:
        body = BODY.replace(b"ORD-1", b"ERN-7-2")

        read = webhooks().read(body)

        assert read.delivery_id == "a1b2c3"
        assert read.payment_id == PaymentIdVO.of(ExternalReferenceNumberVO("ERN-7"))
        assert read.news == PaymentNews(order_id=TOKEN, reference_number="ERN-7-2")

    def test_of_a_charge_that_is_none_of_ours(self) -> None:
        assert webhooks().read(BODY).payment_id is None

    def test_of_what_changes_nothing_here(self) -> None:
        body = json.dumps({"id": "1", "event_type": "SOMETHING.NEW", "resource": {}}).encode()

        assert webhooks().read(body).news is None

    @pytest.mark.parametrize("body", [b"", b"[]", b'{"event_type":"X"}', b'{"id":"1"}'])
    def test_what_is_no_notification(self, body: bytes) -> None:
        with pytest.raises(NotANotification):
            webhooks().read(body)
