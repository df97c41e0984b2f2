"""Notifications are signed as the providers sign them: verified here by other means than they were made."""

import base64
import stat
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.verification import PolicyBuilder
from cryptography.x509.verification import Store as TrustStore

from sandbox.providers.pagadito.signatures import signed_text as pagadito_text
from sandbox.providers.paypal.signatures import signed_text as paypal_text
from sandbox.providers.webhooks.identity import SigningIdentity
from tests.unit.sandbox.pagadito_merchant import WSK, PagaditoMerchant, pagadito_merchant
from tests.unit.sandbox.paypal_merchant import ORIGIN, PayPalMerchant, issues, paypal_merchant
from tests.unit.sandbox.webhook_receiver import Received, Receiver, webhook_receiver

VERIFY = "/v1/notifications/verify-webhook-signature"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with webhook_receiver() as listening:
        yield listening


@pytest.fixture
async def paypal(tmp_path: Path, receiver: Receiver) -> AsyncIterator[PayPalMerchant]:
    async with paypal_merchant(tmp_path) as merchant:
        await merchant.register(webhookUrl=receiver.url)
        yield merchant


@pytest.fixture
async def pagadito(tmp_path: Path, receiver: Receiver) -> AsyncIterator[PagaditoMerchant]:
    async with pagadito_merchant(tmp_path) as merchant:
        await merchant.register(webhookUrl=receiver.url)
        yield merchant


def check_rsa(pem: str, signature: str, text: str) -> None:
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 2048
    key.verify(base64.b64decode(signature), text.encode(), padding.PKCS1v15(), SHA256())


async def served(shop: PayPalMerchant | PagaditoMerchant, url: str) -> str:
    answer = await shop.http.get(urlsplit(url).path)
    assert answer.status_code == 200
    return answer.text


def paypal_signed(received: Received) -> str:
    headers = received.headers
    return "|".join(
        (
            headers["PAYPAL-TRANSMISSION-ID"],
            headers["PAYPAL-TRANSMISSION-TIME"],
            "WH-1",
            str(zlib.crc32(received.body)),
        )
    )


async def redelivered(shop: PayPalMerchant | PagaditoMerchant, tamper: str | None) -> None:
    page = (await shop.http.get("/_control/webhooks")).json()
    path = f"/_control/webhooks/{page['webhooks'][0]['id']}/deliver"
    answer = await shop.http.post(path, json={"tamper": tamper})
    assert answer.json()["attempts"][0]["status"] == 200, answer.text


def test_the_signed_texts_are_those_of_published_samples() -> None:
    body = (
        b'{"id":"a1b2c3","event_create_timestamp":"2024-01-15 10:00:00",'
        b'"event_type":"TRANSACTION.STATUS.CHANGE","resource":'
        b'{"token":"0123456789abcdef0123456789abcdef","ern":"ORD-1","status":"COMPLETED"}}'
    )
    assert pagadito_text("NID-1", "1705312800", "a1b2c3", body, "WSKTEST") == (
        "NID-1|1705312800|a1b2c3|3603534943|WSKTEST"
    )
    event = b'{"id":"WH-TEST-1","event_type":"PAYMENT.CAPTURE.COMPLETED"}'
    assert paypal_text("T", "2024-01-15T10:00:00Z", "W", event) == (
        "T|2024-01-15T10:00:00Z|W|2077941293"
    )


class TestPayPal:
    async def test_a_transmission_is_signed_over_its_bytes(
        self, paypal: PayPalMerchant, receiver: Receiver
    ) -> None:
        await paypal.approved()
        [received] = await receiver.arrived(1)
        headers = received.headers
        assert headers["PAYPAL-AUTH-ALGO"] == "SHA256withRSA"
        assert headers["CONTENT-TYPE"] == "application/json"
        assert headers["PAYPAL-CERT-URL"].startswith(f"{ORIGIN}/v1/notifications/certs/CERT-")
        pem = await served(paypal, headers["PAYPAL-CERT-URL"])
        check_rsa(pem, headers["PAYPAL-TRANSMISSION-SIG"], paypal_signed(received))

    async def test_every_transmission_has_an_id_of_its_own(
        self, paypal: PayPalMerchant, receiver: Receiver
    ) -> None:
        await paypal.approved()
        await receiver.arrived(1)
        await redelivered(paypal, None)
        first, again = await receiver.arrived(2)
        assert first.body == again.body
        assert len({one.headers["PAYPAL-TRANSMISSION-ID"] for one in (first, again)}) == 2

    async def test_the_certificate_is_vouched_for_by_the_authority(
        self, paypal: PayPalMerchant, receiver: Receiver
    ) -> None:
        await paypal.approved()
        [received] = await receiver.arrived(1)
        leaf = await served(paypal, received.headers["PAYPAL-CERT-URL"])
        ca = await served(paypal, f"{ORIGIN}/_control/ca.pem")
        trusted = TrustStore([x509.load_pem_x509_certificate(ca.encode())])
        host = x509.DNSName("messageverificationcerts.sandbox.paypal.com")
        verifier = PolicyBuilder().store(trusted).build_server_verifier(host)
        assert len(verifier.verify(x509.load_pem_x509_certificate(leaf.encode()), [])) == 2
        unknown = await paypal.http.get("/v1/notifications/certs/CERT-0")
        assert unknown.status_code == 404

    async def test_the_certificate_can_be_out_of_reach(
        self, paypal: PayPalMerchant, receiver: Receiver
    ) -> None:
        fault = {"operation": "certificate", "kind": "status", "status": 503}
        assert (await paypal.http.post("/_control/faults", json=fault)).status_code == 201
        await paypal.approved()
        [received] = await receiver.arrived(1)
        path = urlsplit(received.headers["PAYPAL-CERT-URL"]).path
        statuses = [(await paypal.http.get(path)).status_code for _ in range(2)]
        assert statuses == [503, 200]

    @pytest.mark.parametrize("tamper", ["signature", "body"])
    async def test_a_tampered_transmission_does_not_verify(
        self, paypal: PayPalMerchant, receiver: Receiver, tamper: str
    ) -> None:
        await paypal.approved()
        await receiver.arrived(1)
        await redelivered(paypal, tamper)
        genuine, forged = await receiver.arrived(2)
        assert (genuine.body == forged.body) == (tamper == "signature")
        assert forged.event["id"] == genuine.event["id"]
        headers = forged.headers
        pem = await served(paypal, headers["PAYPAL-CERT-URL"])
        with pytest.raises(InvalidSignature):
            check_rsa(pem, headers["PAYPAL-TRANSMISSION-SIG"], paypal_signed(forged))

    async def test_a_certificate_on_a_foreign_host(
        self, paypal: PayPalMerchant, receiver: Receiver
    ) -> None:
        await paypal.approved()
        await receiver.arrived(1)
        await redelivered(paypal, "cert_host")
        url = urlsplit((await receiver.arrived(2))[1].headers["PAYPAL-CERT-URL"])
        assert url.hostname == "api.sandbox.paypal.com.example"


class TestVerification:
    async def asked(self, shop: PayPalMerchant, receiver: Receiver) -> tuple[dict[str, str], bytes]:
        """Let one event be sent; return the fields to verify it with, and its bytes."""
        await shop.approved()
        [received] = await receiver.arrived(1)
        headers = received.headers
        fields = {
            "auth_algo": headers["PAYPAL-AUTH-ALGO"],
            "cert_url": headers["PAYPAL-CERT-URL"],
            "transmission_id": headers["PAYPAL-TRANSMISSION-ID"],
            "transmission_sig": headers["PAYPAL-TRANSMISSION-SIG"],
            "transmission_time": headers["PAYPAL-TRANSMISSION-TIME"],
            "webhook_id": "WH-1",
        }
        return fields, received.body

    async def verified(self, shop: PayPalMerchant, fields: dict[str, str], event: bytes) -> Any:
        members = [f'"{name}":"{value}"'.encode() for name, value in fields.items()]
        body = b"{" + b",".join([*members, b'"webhook_event":' + event]) + b"}"
        answer = await shop.post_bytes(VERIFY, body)
        assert answer.status_code == 200, answer.text
        return answer.json()["verification_status"]

    async def test_the_very_bytes_are_verified(
        self, paypal: PayPalMerchant, receiver: Receiver
    ) -> None:
        fields, event = await self.asked(paypal, receiver)
        assert await self.verified(paypal, fields, event) == "SUCCESS"
        assert await self.verified(paypal, fields, event.replace(b":", b": ", 1)) == "FAILURE"

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("auth_algo", "SHA1withRSA"),
            ("cert_url", "https://api.sandbox.paypal.com.example/v1/notifications/certs/CERT-0"),
            ("transmission_id", "another"),
            ("transmission_time", "2024-01-15T10:00:00Z"),
            ("transmission_sig", "not base64"),
            ("transmission_sig", "AAAA"),
            ("webhook_id", "WH-2"),
        ],
    )
    async def test_anything_else_fails(
        self, paypal: PayPalMerchant, receiver: Receiver, field: str, value: str
    ) -> None:
        fields, event = await self.asked(paypal, receiver)
        assert await self.verified(paypal, fields | {field: value}, event) == "FAILURE"

    async def test_a_missing_field_is_refused(self, paypal: PayPalMerchant) -> None:
        answer = await paypal.post(VERIFY, {"auth_algo": "SHA256withRSA"})
        assert (answer.status_code, issues(answer)) == (400, ["MISSING_REQUIRED_PARAMETER"])

    async def test_strangers_may_not_ask(self, paypal: PayPalMerchant) -> None:
        assert (await paypal.http.post(VERIFY, json={})).status_code == 401


class TestPagadito:
    async def test_a_notification_is_signed_with_the_merchants_secret(
        self, pagadito: PagaditoMerchant, receiver: Receiver
    ) -> None:
        await pagadito.charge()
        [received] = await receiver.arrived(1)
        headers, event = received.headers, received.event
        assert headers["PAGADITO-AUTH-ALGO"] == "sha256WithRSAEncryption"
        pem = await served(pagadito, headers["PAGADITO-CERT-URL"])
        text = "|".join(
            (
                headers["PAGADITO-NOTIFICATION-ID"],
                headers["PAGADITO-NOTIFICATION-TIMESTAMP"],
                event["id"],
                str(zlib.crc32(received.body)),
                WSK,
            )
        )
        check_rsa(pem, headers["PAGADITO-SIGNATURE"], text)
        with pytest.raises(InvalidSignature):
            check_rsa(pem, headers["PAGADITO-SIGNATURE"], text.replace(WSK, "c" * 32))

    async def test_its_body_has_strings_for_numbers(
        self, pagadito: PagaditoMerchant, receiver: Receiver
    ) -> None:
        token, _ = await pagadito.charge()
        await pagadito.act(token, "pay")
        events = {one.told: one.event for one in await receiver.arrived(2)}
        registered, completed = events["REGISTERED"], events["COMPLETED"]
        assert completed["event_type"] == "TRANSACTION.STATUS.CHANGE"
        resource = completed["resource"]
        assert (resource["token"], resource["ern"], resource["status"]) == (
            token,
            "ERN-1",
            "COMPLETED",
        )
        assert resource["amount"] == {"total": "15.50", "currency": "USD"}
        assert resource["items_list"] == [
            {"quantity": "2", "description": "Tea", "price": "7.75", "url_product": ""}
        ]
        assert resource["reference"]
        assert registered["resource"]["reference"] == ""
        assert registered["id"] != completed["id"]

    async def test_a_certificate_on_a_foreign_host(
        self, pagadito: PagaditoMerchant, receiver: Receiver
    ) -> None:
        await pagadito.charge()
        await receiver.arrived(1)
        await redelivered(pagadito, "cert_host")
        url = (await receiver.arrived(2))[1].headers["PAGADITO-CERT-URL"]
        assert url == "https://sandbox.pagadito.example/cert.pem"


class TestIdentity:
    def test_it_is_made_once_and_readable_by_its_owner_only(self, tmp_path: Path) -> None:
        path = tmp_path / "key.json"
        made = SigningIdentity(path, host="sandbox.test")
        assert made.certificate_name == SigningIdentity(path, host="x.test").certificate_name
        assert made.sign("text") == SigningIdentity(path, host="sandbox.test").sign("text")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_nothing_is_made_before_it_is_needed(self, tmp_path: Path) -> None:
        SigningIdentity(tmp_path / "key.json", host="sandbox.test")
        assert list(tmp_path.iterdir()) == []
