"""Whose notifications are taken: one line a provider."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import httpx
from pydantic import HttpUrl

from payment_gateway.application.webhooks import ProviderWebhooks
from payment_gateway.infrastructure.providers.http import open_endpoints, tls_context
from payment_gateway.infrastructure.providers.paypal.adapter import PayPalAdapter
from payment_gateway.infrastructure.providers.paypal.shared_tokens import SharedTokens
from payment_gateway.infrastructure.webhooks import pagadito, paypal
from payment_gateway.infrastructure.webhooks.certificate_chain import (
    TrustedIssuers,
    roots_of,
    system_roots,
)
from payment_gateway.infrastructure.webhooks.certificates import FETCH_WITHIN_S, Certificates
from payment_gateway.infrastructure.webhooks.paypal_endpoint import EndpointCheck
from payment_gateway.infrastructure.webhooks.signed_text import Signatures
from payment_gateway.settings import Settings

_CONNECTIONS_MAX: Final = 8


class CertificateFileError(Exception):
    """A file of certificate authorities cannot be used; the message names it."""


@asynccontextmanager
async def open_provider_webhooks(
    settings: Settings, *, now: Callable[[], datetime], tokens: SharedTokens | None = None
) -> AsyncIterator[Mapping[str, ProviderWebhooks]]:
    """Yield how each provider's notifications are read and verified.

    Args:
        settings: Where providers are, and how PayPal's signatures are checked.
        now: The clock that certificates are checked by.
        tokens: PayPal's access tokens that other processes share, where they do.

    Raises:
        CertificateFileError: A file that the settings name has no certificates.
    """
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(_certificate_client(settings))
        certificates = Certificates(client)
        transmissions: paypal.TransmissionCheck
        if settings.paypal_webhook_verification == "endpoint":
            transmissions = await _asking_paypal(settings, tokens, stack)
        else:
            issuers = _issuers(
                settings.paypal_base_url, settings.paypal_ca_file, domain=paypal.DOMAIN
            )
            transmissions = paypal.CertificateCheck(
                signatures=Signatures(certificates=certificates, issuers=issuers, now=now)
            )
        issuers = _issuers(
            settings.pagadito_base_url, settings.pagadito_ca_file, domain=pagadito.DOMAIN
        )
        yield {
            "PAYPAL": paypal.PayPalWebhooks(
                transmissions=transmissions, base_url=_text(settings.paypal_base_url)
            ),
            "PAGADITO": pagadito.PagaditoWebhooks(
                signatures=Signatures(certificates=certificates, issuers=issuers, now=now),
                base_url=_text(settings.pagadito_base_url),
            ),
        }


def _certificate_client(settings: Settings) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        # One client for both: the least that either may be spoken to in.
        verify=tls_context(min(settings.paypal_tls_min, settings.pagadito_tls_min)),
        trust_env=False,
        follow_redirects=False,
        timeout=FETCH_WITHIN_S,
        limits=httpx.Limits(max_connections=_CONNECTIONS_MAX),
    )


async def _asking_paypal(
    settings: Settings, tokens: SharedTokens | None, stack: AsyncExitStack
) -> EndpointCheck:
    """Open connections of their own: whoever sends forgeries takes none from payments."""
    endpoints = await stack.enter_async_context(open_endpoints(settings))
    accounts = PayPalAdapter(settings, endpoints, tokens)
    stack.push_async_callback(accounts.aclose)
    return EndpointCheck(accounts.api)


def _issuers(
    base_url: HttpUrl | None, ca_file: Path | None, *, domain: str
) -> TrustedIssuers | None:
    if base_url is not None and ca_file is None:
        return None  # a simulator, whose certificates nobody else has issued
    try:
        roots = system_roots() if ca_file is None else roots_of(ca_file)
    except (OSError, ValueError) as error:
        raise CertificateFileError(f"{ca_file}: {error}") from error
    return TrustedIssuers(roots=roots, domain=domain if base_url is None else None)


def _text(url: HttpUrl | None) -> str | None:
    return None if url is None else str(url)
