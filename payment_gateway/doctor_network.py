"""What ``doctor`` looks at beyond the installation's own servers: whom it has to reach, and how safely."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from payment_gateway.doctor_finding import Told
from payment_gateway.infrastructure.providers.pagadito import adapter as pagadito
from payment_gateway.infrastructure.providers.paypal import adapter as paypal
from payment_gateway.settings import Settings

REACHED_WITHIN_S: Final = 5.0
_PORTS: Final = {"http": 80, "https": 443}
_TLS_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Somebody whom this installation has to reach.

    Attributes:
        tls_min: The least version of TLS; ``None`` where TLS is not spoken from the first byte.
        setting: What allows another.
    """

    name: str
    host: str
    port: int
    tls_min: str | None
    setting: str


async def providers(settings: Settings) -> Told:
    """Connect to both providers.

    Where a setting replaces a provider's address, it has to answer. A provider's own is needed only
    where a tenant has an account there, so that it does not is only told.
    """
    problems: list[str] = []
    details: list[str] = []
    for peer, is_replaced in _providers(settings):
        trouble = await trouble_with(peer)
        if trouble is not None:
            (problems if is_replaced else details).append(trouble)
    return Told(problem=", ".join(problems) or None, detail=", ".join(details))


async def issuers(settings: Settings) -> Told:
    """Connect to each issuer of tokens."""
    told = [
        await trouble_with(
            _peer(one.issuer, one.issuer, settings.oidc_tls_min, "GATEWAY_OIDC_TLS_MIN")
        )
        for one in settings.oidc_issuers
    ]
    return Told(problem=", ".join(one for one in told if one) or None)


async def mail(settings: Settings) -> Told:
    """Connect to the mail server, where mail is to be sent."""
    if not settings.notify_email_to:
        return Told()
    peer = Peer(
        name="the mail server",
        host=settings.smtp_host,
        port=settings.smtp_port,
        tls_min=None,
        setting="GATEWAY_SMTP_HOST",
    )
    return Told(problem=await trouble_with(peer))


async def traces(settings: Settings) -> Told:
    """Connect to where traces are sent, if anywhere."""
    if settings.otlp_endpoint is None:
        return Told()
    peer = _peer("the trace receiver", str(settings.otlp_endpoint), "1.2", "GATEWAY_OTLP_ENDPOINT")
    return Told(problem=await trouble_with(peer))


async def encryption(settings: Settings) -> Told:
    """Tell what leaves this machine without TLS, and who may speak an older one than TLS 1.3."""
    plain = [name for name, address in _addresses(settings) if address and _is_plain(address)]
    older = [
        f"{name} may speak TLS 1.2 ({setting})"
        for name, version, setting in (
            ("PayPal", settings.paypal_tls_min, "GATEWAY_PAYPAL_TLS_MIN"),
            ("Pagadito", settings.pagadito_tls_min, "GATEWAY_PAGADITO_TLS_MIN"),
            ("issuers of tokens", settings.oidc_tls_min, "GATEWAY_OIDC_TLS_MIN"),
        )
        if version == "1.2"
    ]
    told = [f"without TLS over the network: {', '.join(plain)}"] if plain else []
    return Told(detail="; ".join([*told, *older]))


async def trouble_with(peer: Peer) -> str | None:
    """Return why a peer cannot be reached, in a few words; ``None`` where it can."""
    where = f"{peer.name} ({peer.host}:{peer.port})"
    try:
        async with asyncio.timeout(REACHED_WITHIN_S):
            _, writer = await asyncio.open_connection(peer.host, peer.port, ssl=_context(peer))
    except ssl.SSLCertVerificationError as error:
        return f"{where} shows a certificate that is not to be trusted: {error.verify_message}"
    except ssl.SSLError:
        return f"{where} does not speak TLS {peer.tls_min}; see {peer.setting}"
    except (OSError, UnicodeError) as error:  # TimeoutError is an OSError
        return f"{where} is not reached: {type(error).__name__}"
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return None


def _context(peer: Peer) -> ssl.SSLContext | None:
    if peer.tls_min is None:
        return None
    context = ssl.create_default_context()
    context.minimum_version = _TLS_VERSIONS[peer.tls_min]
    return context


def _providers(settings: Settings) -> Iterator[tuple[Peer, bool]]:
    for name, replaced, live, tls_min in (
        ("PayPal", settings.paypal_base_url, paypal.LIVE_URL, settings.paypal_tls_min),
        ("Pagadito", settings.pagadito_base_url, pagadito.LIVE_URL, settings.pagadito_tls_min),
    ):
        setting = f"GATEWAY_{name.upper()}_TLS_MIN"
        yield _peer(name, str(replaced or live), tls_min, setting), replaced is not None


def _peer(name: str, url: str, tls_min: str, setting: str) -> Peer:
    parts = urlsplit(url)
    return Peer(
        name=name,
        host=parts.hostname or "",
        port=parts.port or _PORTS[parts.scheme],
        tls_min=tls_min if parts.scheme == "https" else None,
        setting=setting,
    )


def _addresses(settings: Settings) -> Iterator[tuple[str, str | None]]:
    """Yield the addresses of what has to be reached, those that hold a secret too."""
    yield "the event store", settings.eventstore_uri.get_secret_value()
    yield "MongoDB", settings.mongodb_uri.get_secret_value()
    yield "Redis", settings.redis_url.get_secret_value() if settings.redis_url else None
    yield "PayPal", str(settings.paypal_base_url or "") or None
    yield "Pagadito", str(settings.pagadito_base_url or "") or None
    yield "traces", str(settings.otlp_endpoint or "") or None
    if settings.notify_email_to and settings.smtp_encryption == "none":
        yield "mail", f"http://{settings.smtp_host}"


def _is_plain(address: str) -> bool:
    """Tell whether an address leads off this machine without TLS, by what its scheme does unless told."""
    parts = urlsplit(address)
    hosts = [urlsplit(f"//{one}").hostname for one in parts.netloc.rpartition("@")[2].split(",")]
    if all(host in _LOOPBACK for host in hosts):
        return False
    query = parts.query.lower()
    match parts.scheme:
        case "esdb" | "esdb+discover":
            return "tls=false" in query
        case "mongodb":
            return "tls=true" not in query and "ssl=true" not in query
        case "mongodb+srv":
            return "tls=false" in query or "ssl=false" in query
        case scheme:
            return scheme in {"http", "redis"}
