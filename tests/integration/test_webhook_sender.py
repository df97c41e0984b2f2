"""Receivers over TLS: the connection goes to the address that was checked, the certificate is the name's."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from payment_gateway.application.ports import CommandContext, RecordedEvent
from payment_gateway.application.webhook_deliveries import Answered, Signed
from payment_gateway.domain.events.payment import PaymentExpiredEvent
from payment_gateway.infrastructure.webhook_deliveries.address import parse_networks
from payment_gateway.infrastructure.webhook_deliveries.sender import WebhookHttpSender
from payment_gateway.telemetry.metrics import REGISTRY, exposition
from tests.http_receiver import HttpReceiver, Reply, http_receiver

NOW = datetime.now(UTC)
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
EVENT = RecordedEvent(
    event=PaymentExpiredEvent(payment_id="p"),
    type="PaymentExpired",
    event_id="ev-1",
    stream="payment-p",
    revision=3,
    position=7,
    context=CommandContext(
        tenant_id="demo", actor="recovery", correlation_id="c", at=NOW, traceparent=TRACEPARENT
    ),
)


class ShopsServer:
    """A shop's server on this machine with a certificate for a name, and what it was asked for by name."""

    def __init__(self, folder: Path, host: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(host, key).public_bytes(Encoding.PEM)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "server.pem").write_bytes(certificate + private)
        self.names: list[str | None] = []
        self.server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.server.load_cert_chain(folder / "server.pem")
        self.server.sni_callback = self._asked
        self.client = ssl.create_default_context(cadata=certificate.decode())

    def _asked(self, _: object, name: str | None, __: object) -> None:
        self.names.append(name)


def _certificate(host: str, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """Return a certificate that a host has issued to itself, good for today."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, SHA256())
    )


async def this_machine(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def untraced(recorded: RecordedEvent) -> CommandContext:
    return replace(recorded.context, traceparent=None)


async def sent(
    receiver: HttpReceiver,
    tls: ssl.SSLContext,
    *,
    host: str = "shop.example",
    event: RecordedEvent = EVENT,
) -> Answered:
    sender = WebhookHttpSender(
        parse_networks(["127.0.0.0/8"]),
        tls=tls,
        encode_token=lambda tenant, position: f"{tenant}-{position}",
        lookup=this_machine,
    )
    signed = Signed(
        url=receiver.url.replace("127.0.0.1", host),
        tenant_id="demo",
        recorded=event,
        payment_id="p",
        currency="USD",
        secrets=[b"s" * 32],
        at=NOW,
    )
    return await sender.send(signed)


async def test_the_name_is_kept_for_the_server_and_for_the_certificate(tmp_path: Path) -> None:
    shop = ShopsServer(tmp_path, "shop.example")
    async with http_receiver(shop.server) as receiver:
        answered = await sent(receiver, shop.client)

        assert (answered.status, answered.error) == (200, None)
        assert shop.names == ["shop.example"]
        assert receiver.taken[0].headers["host"].startswith("shop.example:")
        assert receiver.taken[0].headers["consistency-token"] == "demo-7"


async def test_where_no_traces_are_recorded_the_events_own_is_passed_on(tmp_path: Path) -> None:
    shop = ShopsServer(tmp_path, "shop.example")
    async with http_receiver(shop.server) as receiver:
        await sent(receiver, shop.client)
        await sent(receiver, shop.client, event=replace(EVENT, context=untraced(EVENT)))

        assert receiver.taken[0].headers["traceparent"] == TRACEPARENT
        assert "traceparent" not in receiver.taken[1].headers


async def test_a_certificate_of_another_name_gets_nothing(tmp_path: Path) -> None:
    shop = ShopsServer(tmp_path, "other.example")
    async with http_receiver(shop.server) as receiver:
        answered = await sent(receiver, shop.client)
        assert (answered.status, answered.error, receiver.taken) == (None, "tls_failed", [])


async def test_an_authority_that_is_not_trusted_gets_nothing(tmp_path: Path) -> None:
    shop = ShopsServer(tmp_path, "shop.example")
    async with http_receiver(shop.server) as receiver:
        answered = await sent(receiver, ssl.create_default_context())
        assert (answered.error, receiver.taken) == ("tls_failed", [])


async def test_a_server_that_speaks_no_http(tmp_path: Path) -> None:
    shop = ShopsServer(tmp_path, "shop.example")
    async with http_receiver(shop.server) as receiver:
        receiver.always = Reply(99)
        answered = await sent(receiver, shop.client)
        assert (answered.status, answered.error) == (None, "connection_failed")


async def test_nobody_listens() -> None:
    async with http_receiver() as receiver:
        pass
    answered = await sent(receiver, ssl.create_default_context())
    assert (answered.status, answered.error) == (None, "connect_failed")


@pytest.mark.parametrize("host", ["\u2603" * 80, "a" * 70 + ".example"])
async def test_a_name_that_can_be_none(host: str) -> None:
    async with http_receiver() as receiver:
        answered = await sent(receiver, ssl.create_default_context(), host=host)
        assert (answered.error, receiver.taken) == ("connect_failed", [])


def measured(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_each_attempt_is_counted_by_what_came_of_it_and_names_nobody(tmp_path: Path) -> None:
    outcomes = ("delivered", "refused", "unanswered")
    attempts, duration = (
        "gateway_webhook_attempts_total",
        "gateway_webhook_attempt_duration_seconds",
    )
    before = {one: measured(attempts, outcome=one) for one in outcomes}
    timed = measured(f"{duration}_count")
    shop = ShopsServer(tmp_path, "shop.example")
    async with http_receiver(shop.server) as receiver:
        receiver.replies.append(Reply(status=503))
        await sent(receiver, shop.client)
        await sent(receiver, shop.client)
        await sent(receiver, shop.client, host="other.example")

    assert {one: measured(attempts, outcome=one) - before[one] for one in outcomes} == {
        "delivered": 1,
        "refused": 1,
        "unanswered": 1,
    }
    assert measured(f"{duration}_count") - timed == 3
    assert "shop.example" not in exposition().decode()
