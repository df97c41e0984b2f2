"""A certificate authority, keys with certificates of it, and a host that serves them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import Store

from payment_gateway.infrastructure.webhooks.certificate_chain import TrustedIssuers
from payment_gateway.infrastructure.webhooks.certificates import Certificates
from payment_gateway.infrastructure.webhooks.signed_text import Signatures

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
YEAR = timedelta(days=365)


@cache
def new_key(_: str) -> rsa.RSAPrivateKey:
    """Return a key of a name; making one takes a while, so a name has one for all tests."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def authority_key(_: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def authority(name: str) -> x509.Certificate:
    """Return the certificate of an authority."""
    key = authority_key(name)
    return _build(name, key.public_key(), issuer=name, ca=True)


def certificate(
    host: str,
    *,
    issuer: str,
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None = None,
    after: datetime = NOON + YEAR,
    ca: bool = False,
    named: bool = True,
) -> x509.Certificate:
    """Return a certificate for a host that an authority has issued."""
    public = (key or new_key(host)).public_key()
    return _build(host, public, issuer=issuer, after=after, ca=ca, named=named)


def _build(
    subject: str,
    public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    *,
    issuer: str,
    after: datetime = NOON + YEAR,
    ca: bool,
    named: bool = False,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOON - 2 * YEAR)
        .not_valid_after(after)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if named:
        names = x509.SubjectAlternativeName([x509.DNSName(subject)])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(authority_key(issuer), SHA256())


def sign(text: str, key: rsa.RSAPrivateKey) -> str:
    return base64.b64encode(key.sign(text.encode(), PKCS1v15(), SHA256())).decode()


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def trusting(*roots: x509.Certificate, domain: str | None) -> TrustedIssuers:
    return TrustedIssuers(roots=Store(list(roots)), domain=domain)


@dataclass
class Hosts:
    """What is found at which URL, and what was asked for."""

    pages: dict[str, httpx.Response] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def serve(self, url: str, content: bytes, *, status: int = 200) -> None:
        self.pages[url] = httpx.Response(status, content=content)

    def signatures(self, issuers: TrustedIssuers | None = None) -> Signatures:
        return Signatures(certificates=self.certificates(), issuers=issuers, now=lambda: NOON)

    def certificates(self) -> Certificates:
        client = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        return Certificates(client, monotonic=lambda: self.seconds)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        page = self.pages.get(str(request.url))
        if page is None:
            raise httpx.ConnectError("nobody there")
        return httpx.Response(page.status_code, content=page.content)
