"""What PayPal's accounts have in common: endpoints, credentials, the cache of access tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from payment_gateway.application.ports import ProviderCapabilities
from payment_gateway.domain.value_objects.provider_credentials import (
    PayPalCredentialsVO,
    ProviderCredentials,
)
from payment_gateway.domain.value_objects.secret_text import SecretText
from payment_gateway.infrastructure.providers.adapter import credential_fields
from payment_gateway.infrastructure.providers.http import HttpEndpoints
from payment_gateway.infrastructure.providers.paypal.access_token import AccessTokens
from payment_gateway.infrastructure.providers.paypal.api import PayPalApi
from payment_gateway.infrastructure.providers.paypal.provider import CAPABILITIES, PayPalProvider
from payment_gateway.infrastructure.providers.paypal.shared_tokens import SharedTokens
from payment_gateway.settings import Settings

# Source: PayPal REST, "API requests", base URLs.
LIVE_URL: Final = "https://api-m.paypal.com"
SANDBOX_URL: Final = "https://api-m.sandbox.paypal.com"


class PayPalAdapter:
    """Makes PayPal providers."""

    def __init__(
        self,
        settings: Settings,
        endpoints: HttpEndpoints,
        shared_tokens: SharedTokens | None = None,
    ) -> None:
        self._settings = settings
        self._endpoints = endpoints
        self._shared_tokens = shared_tokens
        self._tokens: dict[str, AccessTokens] = {}  # by base URL: live and sandbox at most

    @property
    def capabilities(self) -> ProviderCapabilities:
        """What PayPal can do."""
        return CAPABILITIES

    def parse_credentials(self, fields: Mapping[str, object]) -> ProviderCredentials:
        """Read ``clientId``, ``clientSecret``, ``webhookId`` and ``sandbox``.

        Raises:
            InvalidValue: One is missing, unknown or of the wrong form. Echoes no secret.
        """
        texts, sandbox = credential_fields(fields, texts=("clientId", "clientSecret", "webhookId"))
        client_id, client_secret, webhook_id = texts
        return PayPalCredentialsVO(
            client_id=client_id,
            client_secret=SecretText(client_secret),
            webhook_id=webhook_id,
            sandbox=sandbox,
        )

    def create(self, credentials: ProviderCredentials) -> PayPalProvider:
        """Return the provider, speaking for the account of these credentials."""
        assert isinstance(credentials, PayPalCredentialsVO), "made by parse_credentials above"
        return PayPalProvider(
            self.api(credentials), checkout_validity_s=self._settings.paypal_checkout_validity_s
        )

    def api(self, credentials: PayPalCredentialsVO) -> PayPalApi:
        """Return the way to PayPal for the account of these credentials."""
        base_url = self._base_url(sandbox=credentials.sandbox)
        http = self._endpoints.at(
            base_url, provider="PAYPAL", tls_min=self._settings.paypal_tls_min
        )
        tokens = self._tokens.get(base_url)
        if tokens is None:
            tokens = self._tokens[base_url] = AccessTokens(http, shared=self._shared_tokens)
        return PayPalApi(http, tokens, credentials)

    def address(self, *, sandbox: bool, currency: str) -> str:  # noqa: ARG002 - one host for all currencies
        """Return PayPal's one host."""
        return self._base_url(sandbox=sandbox)

    async def aclose(self) -> None:
        """End the fetching of tokens that nobody waits for any more."""
        for tokens in self._tokens.values():
            await tokens.aclose()

    def _base_url(self, *, sandbox: bool) -> str:
        override = self._settings.paypal_base_url
        if override is not None:
            return str(override).rstrip("/")
        return SANDBOX_URL if sandbox else LIVE_URL
