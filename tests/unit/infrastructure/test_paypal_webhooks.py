"""PayPal's notifications: that PayPal signed them for this very webhook."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pytest

from payment_gateway.application.webhooks import (
    SignatureRefused,
    VerificationUnavailable,
)
from payment_gateway.domain.value_objects.provider_credentials import PayPalCredentialsVO
from payment_gateway.domain.value_objects.secret_text import SecretText
from payment_gateway.infrastructure.webhooks.certificate_chain import TrustedIssuers
from payment_gateway.infrastructure.webhooks.certificates import RENEW_AFTER_S
from payment_gateway.infrastructure.webhooks.paypal import CertificateCheck, PayPalWebhooks
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

HOST: Final = "messageverificationcerts.paypal.com"
URL: Final = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1"
BODY: Final = b'{"id":"WH-TEST-1","event_type":"PAYMENT.CAPTURE.COMPLETED"}'
SENT_AT: Final = "2026-06-01T11:59:50Z"


def account(*, webhook_id: str = "4JH86294D6297924G", sandbox: bool = True) -> PayPalCredentialsVO:
    return PayPalCredentialsVO(
        client_id="c", client_secret=SecretText("s"), webhook_id=webhook_id, sandbox=sandbox
    )


def signed(**changes: str) -> dict[str, str]:
    """Return the headers of a notification that PayPal signed, with some of them changed."""
    text = f"T-1|{SENT_AT}|4JH86294D6297924G|{checksum(BODY)}"
    return {
        "paypal-transmission-id": "T-1",
        "paypal-transmission-time": SENT_AT,
        "paypal-transmission-sig": sign(text, new_key(HOST)),
        "paypal-cert-url": URL,
        "paypal-auth-algo": "SHA256withRSA",
    } | {f"paypal-{name.replace('_', '-')}": value for name, value in changes.items()}


def webhooks(
    hosts: Hosts | None = None,
    *,
    issuers: TrustedIssuers | None = None,
    base_url: str | None = None,
) -> PayPalWebhooks:
    if hosts is None:
        hosts = Hosts()
        hosts.serve(URL, pem(certificate(HOST, issuer="root")))
    return PayPalWebhooks(
        transmissions=CertificateCheck(
            signatures=hosts.signatures(issuers or trusting(authority("root"), domain="paypal.com"))
        ),
        base_url=base_url,
    )


class TestChecksum:
    """Values that PayPal's own examples and PHP's ``crc32`` give, two of them above 2^31."""

    @pytest.mark.parametrize(
        ("body", "crc"), [(BODY, 2_077_941_293), (b'{"id":"abc123"}', 1_797_651_370)]
    )
    def test_it_is_unsigned(self, body: bytes, crc: int) -> None:
        assert checksum(body) == crc


class TestSignature:
    async def test_of_paypal_for_this_webhook(self) -> None:
        at = await webhooks().verify(signed(), BODY, account())

        assert at == datetime(2026, 6, 1, 11, 59, 50, tzinfo=UTC)

    async def test_over_other_bytes(self) -> None:
        with pytest.raises(SignatureRefused):
            await webhooks().verify(signed(), BODY + b" ", account())

    async def test_for_another_tenants_webhook(self) -> None:
        with pytest.raises(SignatureRefused):
            await webhooks().verify(signed(), BODY, account(webhook_id="another"))

    @pytest.mark.parametrize(
        "changes",
        [
            {"transmission_id": "T-2"},
            {"transmission_time": "2026-06-01T11:59:51Z"},
            {"transmission_sig": "AAAA"},
            {"transmission_sig": "ä"},
            {"auth_algo": "SHA1withRSA"},
            {"auth_algo": "none"},
            {"cert_url": "https://evilpaypal.com/v1/notifications/certs/CERT-1"},
            {"cert_url": "https://api.paypal.com/v1/notifications/certs/CERT-1"},
            {"transmission_id": ""},
            {"transmission_sig": "A" * 5000},
        ],
    )
    async def test_that_does_not_fit_its_headers(self, changes: dict[str, str]) -> None:
        with pytest.raises(SignatureRefused):
            await webhooks().verify(signed(**changes), BODY, account())

    @pytest.mark.parametrize("missing", sorted(signed()))
    async def test_without_one_of_its_headers(self, missing: str) -> None:
        headers = {name: value for name, value in signed().items() if name != missing}
        with pytest.raises(SignatureRefused):
            await webhooks().verify(headers, BODY, account())

    async def test_of_the_test_environment_for_a_live_account(self) -> None:
        with pytest.raises(SignatureRefused):
            await webhooks().verify(signed(), BODY, account(sandbox=False))

    async def test_a_foreign_address_is_never_fetched(self) -> None:
        hosts = Hosts()
        headers = signed(cert_url="https://169.254.169.254/v1/notifications/certs/x")
        with pytest.raises(SignatureRefused):
            await webhooks(hosts).verify(headers, BODY, account())
        assert hosts.asked == []

    async def test_with_a_certificate_that_nobody_trusted_has_issued(self) -> None:
        issuers = trusting(authority("another"), domain="paypal.com")
        with pytest.raises(SignatureRefused):
            await webhooks(issuers=issuers).verify(signed(), BODY, account())

    async def test_with_a_certificate_that_was_replaced_at_its_address(self) -> None:
        hosts = Hosts()
        hosts.serve(URL, pem(certificate("old.paypal.com", issuer="root")))
        checking = webhooks(hosts)
        for _ in range(3):
            with pytest.raises(SignatureRefused):
                await checking.verify(signed(), BODY, account())
        assert len(hosts.asked) == 1, "forgeries do not have it fetched each time"

        hosts.serve(URL, pem(certificate(HOST, issuer="root")))
        hosts.seconds = RENEW_AFTER_S
        await checking.verify(signed(), BODY, account())
        assert len(hosts.asked) == 2

    async def test_that_cannot_be_checked_is_not_taken(self) -> None:
        with pytest.raises(VerificationUnavailable):
            await webhooks(Hosts()).verify(signed(), BODY, account())

    async def test_of_a_simulator_at_its_own_address_only(self) -> None:
        hosts = Hosts()
        at_simulator = "http://127.0.0.1:8080/certs/1"
        for url in (URL, at_simulator):
            hosts.serve(url, pem(certificate(HOST, issuer="root")))
        simulated = webhooks(hosts, base_url="http://127.0.0.1:8080/")

        await simulated.verify(signed(cert_url=at_simulator), BODY, account())
        with pytest.raises(SignatureRefused):
            await simulated.verify(signed(), BODY, account())
