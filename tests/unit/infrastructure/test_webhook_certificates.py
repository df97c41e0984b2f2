"""Certificates of notifications: where they may come from, who may have issued them, how long they are kept."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from payment_gateway.application.webhooks import SignatureRefused, VerificationUnavailable
from payment_gateway.infrastructure.webhooks import pagadito, paypal
from payment_gateway.infrastructure.webhooks.certificate_chain import (
    TrustedIssuers,
    roots_of,
    system_roots,
)
from payment_gateway.infrastructure.webhooks.certificate_url import (
    check_provider_url,
    check_same_origin,
)
from payment_gateway.infrastructure.webhooks.certificates import (
    CERTIFICATE_BYTES_MAX,
    KEEP_S,
    KEPT_MAX,
)
from payment_gateway.infrastructure.webhooks.signature import check_signature
from tests.unit.infrastructure.webhook_signer import (
    NOON,
    YEAR,
    Hosts,
    authority,
    authority_key,
    certificate,
    new_key,
    pem,
    sign,
    trusting,
)

URL = "https://api.paypal.com/v1/notifications/certs/CERT-1"
LEAF = certificate("messages.paypal.com", issuer="root")


class TestPayPalsAddresses:
    @pytest.mark.parametrize("host", ["api.paypal.com", "api-m.paypal.com", "API.paypal.com:443"])
    def test_its_own_hosts(self, host: str) -> None:
        check_provider_url(
            f"https://{host}{paypal.CERTIFICATE_PATH}CERT-1",
            paypal.LIVE,
            path=paypal.CERTIFICATE_PATH,
        )

    @pytest.mark.parametrize(
        "url",
        [
            "http://api.paypal.com/v1/notifications/certs/C",
            "https://api.paypal.com:8443/v1/notifications/certs/C",
            "https://api.sandbox.paypal.com/v1/notifications/certs/C",
            "https://evilpaypal.com/v1/notifications/certs/C",
            "https://api.paypal.com.example/v1/notifications/certs/C",
            "https://api.paypal.com@example.com/v1/notifications/certs/C",
            "https://user:x@api.paypal.com/v1/notifications/certs/C",
            "https://example.com\\@api.paypal.com/v1/notifications/certs/C",
            "https://api.paypal.com/elsewhere/C",
            "https://api.paypal.com/v1/notifications/certs/../../elsewhere",
            "https://api.paypal.com/v1/notifications/certs/C#x",
            "https://api.paypal.com:99999/v1/notifications/certs/C",
            "https://www.paypal.com/v1/notifications/certs/C",
            "file:///etc/passwd",
            "//api.paypal.com/v1/notifications/certs/C",
            "https://api.paypal.com/v1/notifications/certs/" + "C" * 600,
            "https://api.paypal.com/v1/notifications/certs/C\n",
            "",
        ],
    )
    def test_anything_else(self, url: str) -> None:
        with pytest.raises(SignatureRefused):
            check_provider_url(url, paypal.LIVE, path=paypal.CERTIFICATE_PATH)


class TestPagaditosAddresses:
    @pytest.mark.parametrize("host", ["pagadito.com", "comercios.pagadito.com"])
    def test_its_own_hosts(self, host: str) -> None:
        check_provider_url(f"https://{host}/cert.pem", pagadito.LIVE)

    @pytest.mark.parametrize(
        "host",
        ["x.pagadito.example", "evilpagadito.com", "pagadito.com.example", "sandbox.pagadito.com"],
    )
    def test_anything_else_and_its_test_environment(self, host: str) -> None:
        with pytest.raises(SignatureRefused):
            check_provider_url(f"https://{host}/cert.pem", pagadito.LIVE)

    def test_its_test_environment_for_an_account_there(self) -> None:
        check_provider_url("https://sandbox.pagadito.com/cert.pem", pagadito.SANDBOX)


class TestSimulators:
    def test_the_base_urls_origin(self) -> None:
        check_same_origin("http://127.0.0.1:8080/any/cert.pem", "http://127.0.0.1:8080/")
        check_same_origin("https://pay.example/cert.pem", "https://pay.example:443/base")

    @pytest.mark.parametrize(
        "url",
        ["http://127.0.0.1:8081/c", "https://127.0.0.1:8080/c", "http://127.0.0.2:8080/c", "c"],
    )
    def test_another_origin(self, url: str) -> None:
        with pytest.raises(SignatureRefused):
            check_same_origin(url, "http://127.0.0.1:8080/")


class TestIssuers:
    def test_a_certificate_under_a_trusted_root(self) -> None:
        trusting(authority("root"), domain="paypal.com").check((LEAF,), now=NOON)

    def test_a_certificate_behind_another_authority(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        between = certificate("between", issuer="root", key=key, ca=True)
        issuers = trusting(authority("root"), domain=None)

        issuers.check((certificate("x.paypal.com", issuer="root"), between), now=NOON)

    def test_a_certificate_under_a_root_that_nobody_trusts(self) -> None:
        refuses(trusting(authority("root"), domain=None), certificate("paypal.com", issuer="own"))

    def test_a_certificate_that_another_plain_certificate_has_issued(self) -> None:
        """Whoever has any certificate under the root must not issue others with it."""
        issuer = certificate("between", issuer="root", key=authority_key("between"))
        issued = certificate("x.paypal.com", issuer="between")

        refuses(trusting(authority("root"), domain=None), issued, issuer)

    def test_a_certificate_that_has_expired(self) -> None:
        old = certificate("x.paypal.com", issuer="root", after=NOON - YEAR)

        refuses(trusting(authority("root"), domain=None), old)

    @pytest.mark.parametrize("host", ["evilpaypal.com", "paypal.com.example", "example.com"])
    def test_a_certificate_for_another_name(self, host: str) -> None:
        refuses(trusting(authority("root"), domain="paypal.com"), certificate(host, issuer="root"))

    def test_a_name_that_only_the_subject_has(self) -> None:
        leaf = certificate("messages.paypal.com", issuer="root", named=False)

        trusting(authority("root"), domain="paypal.com").check((leaf,), now=NOON)

    def test_the_systems_roots_have_not_issued_just_anything(self) -> None:
        refuses(TrustedIssuers(roots=system_roots(), domain=None), LEAF)

    def test_a_file_without_certificates(self, tmp_path: Path) -> None:
        (tmp_path / "ca.pem").write_text("nothing")
        with pytest.raises(ValueError, match="PEM"):
            roots_of(tmp_path / "ca.pem")


def refuses(issuers: TrustedIssuers, *chain: x509.Certificate) -> None:
    with pytest.raises(SignatureRefused):
        issuers.check(chain, now=NOON)


class TestFetching:
    async def test_once_an_hour(self) -> None:
        hosts = Hosts()
        hosts.serve(URL, pem(LEAF))
        certificates = hosts.certificates()

        assert await certificates.get(URL) == await certificates.get(URL) == (LEAF,)
        assert len(hosts.asked) == 1
        hosts.seconds = KEEP_S
        await certificates.get(URL)
        assert len(hosts.asked) == 2

    async def test_a_chain_or_a_single_certificate_in_der(self) -> None:
        hosts = Hosts()
        hosts.serve(URL, pem(LEAF, authority("root")))
        hosts.serve(f"{URL}.der", LEAF.public_bytes(Encoding.DER))
        certificates = hosts.certificates()

        assert (await certificates.get(URL))[0] == LEAF
        assert await certificates.get(f"{URL}.der") == (LEAF,)

    @pytest.mark.parametrize(
        ("content", "status"),
        [
            (b"<html>busy</html>", 200),
            (b"", 200),
            (pem(LEAF), 500),
            (pem(LEAF), 404),
            (pem(LEAF), 302),
            (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 200),
            (pem(LEAF) * 9, 200),
            (b" " * (CERTIFICATE_BYTES_MAX + 1), 200),
        ],
    )
    async def test_what_is_no_certificate_is_asked_for_again(
        self, content: bytes, status: int
    ) -> None:
        hosts = Hosts()
        hosts.serve(URL, content, status=status)
        certificates = hosts.certificates()

        for _ in range(2):
            with pytest.raises(VerificationUnavailable):
                await certificates.get(URL)
        assert len(hosts.asked) == 2

    async def test_nobody_answers(self) -> None:
        with pytest.raises(VerificationUnavailable):
            await Hosts().certificates().get(URL)

    async def test_not_more_are_kept_than_the_limit(self) -> None:
        hosts = Hosts()
        for number in range(KEPT_MAX + 1):
            hosts.serve(f"{URL}-{number}", pem(LEAF))
        certificates = hosts.certificates()

        for number in range(KEPT_MAX + 1):
            await certificates.get(f"{URL}-{number}")
        await certificates.get(f"{URL}-{KEPT_MAX}")
        assert len(hosts.asked) == KEPT_MAX + 1
        await certificates.get(f"{URL}-0")
        assert len(hosts.asked) == KEPT_MAX + 2


class TestSignature:
    def test_of_the_certificates_key(self) -> None:
        check_signature(LEAF, sign("a|b", new_key("messages.paypal.com")), "a|b")

    @pytest.mark.parametrize("signature", ["", "x", "AAAA", "=", "ä"])
    def test_that_is_none(self, signature: str) -> None:
        with pytest.raises(SignatureRefused):
            check_signature(LEAF, signature, "a|b")

    def test_over_another_text(self) -> None:
        with pytest.raises(SignatureRefused):
            check_signature(LEAF, sign("a|b", new_key("messages.paypal.com")), "a|c")

    def test_of_another_key(self) -> None:
        with pytest.raises(SignatureRefused):
            check_signature(LEAF, sign("a|b", new_key("other")), "a|b")

    def test_of_a_key_that_is_not_rsa(self) -> None:
        leaf = certificate("x", issuer="root", key=ec.generate_private_key(ec.SECP256R1()))
        with pytest.raises(SignatureRefused):
            check_signature(leaf, "AAAA", "a|b")


def test_a_certificate_is_kept_no_longer_than_its_issuer_is_checked() -> None:
    """It is checked each time, so one that expires while it is kept is refused."""
    leaf = certificate("x.paypal.com", issuer="root", after=NOON + timedelta(minutes=1))
    issuers = trusting(authority("root"), domain=None)

    issuers.check((leaf,), now=NOON)
    with pytest.raises(SignatureRefused):
        issuers.check((leaf,), now=NOON + timedelta(minutes=2))
