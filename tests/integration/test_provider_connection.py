"""What guards the connection to a provider, over real sockets."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from payment_gateway.application.ports import ProviderUnavailable
from payment_gateway.infrastructure.providers.http import open_endpoints
from tests.contracts.provider_sandbox import settings_for
from tests.listening import listening

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


async def test_a_certificate_nobody_vouches_for_ends_the_conversation(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    async with serve(tls(certificate)) as port, open_endpoints(settings_for()) as endpoints:
        with pytest.raises(ProviderUnavailable):
            await endpoints.at(f"https://localhost:{port}", provider="PAYPAL").send(
                "x", "/", headers={}
            )


async def test_tls_1_3_is_spoken_and_nothing_older(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    older = tls(certificate)
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    async with (
        serve(tls(certificate)) as port,
        serve(older) as older_port,
        open_endpoints(settings_for()) as endpoints,
    ):
        answer = await endpoints.at(f"https://localhost:{port}", provider="PAYPAL").send(
            "x", "/", headers={}
        )
        assert answer.document() == {}
        with pytest.raises(ProviderUnavailable):
            await endpoints.at(f"https://localhost:{older_port}", provider="PAYPAL").send(
                "x", "/", headers={}
            )


async def test_a_provider_that_cannot_speak_1_3_may_be_set_to_1_2_and_is_verified_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    older = tls(certificate)
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serve(older) as port, open_endpoints(settings_for()) as endpoints:
        with pytest.raises(ProviderUnavailable):
            await endpoints.at(f"https://localhost:{port}", provider="PAYPAL", tls_min="1.2").send(
                "x", "/", headers={}
            )
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with serve(older) as port, open_endpoints(settings_for()) as endpoints:
        endpoint = endpoints.at(f"https://localhost:{port}", provider="PAYPAL", tls_min="1.2")
        assert (await endpoint.send("x", "/", headers={})).document() == {}


@asynccontextmanager
async def serve(context: ssl.SSLContext) -> AsyncIterator[int]:
    """Answer every connection with an empty JSON object, over TLS."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        await writer.drain()

    async with listening(answer, host="localhost", tls=context) as port:
        yield port


def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def self_signed(folder: Path) -> Path:
    """Make a certificate for ``localhost`` and return the file of it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / "localhost.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path
