"""What Pagadito's accounts have in common: hosts and the form of credentials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from payment_gateway.application.ports import ProviderCapabilities
from payment_gateway.domain.value_objects.provider_credentials import (
    PagaditoCredentialsVO,
    ProviderCredentials,
)
from payment_gateway.domain.value_objects.secret_text import SecretText
from payment_gateway.infrastructure.providers.adapter import credential_fields
from payment_gateway.infrastructure.providers.http import HttpEndpoints
from payment_gateway.infrastructure.providers.pagadito.api import PagaditoApi
from payment_gateway.infrastructure.providers.pagadito.provider import (
    CAPABILITIES,
    PagaditoProvider,
)
from payment_gateway.settings import Settings

# Source: Pagadito's PHP library 1.5.2; its sandbox has one host for all currencies.
LIVE_URL: Final = "https://comercios.pagadito.com"
LIVE_URL_BY_CURRENCY: Final[Mapping[str, str]] = {"GTQ": "https://gt-comercios.pagadito.com"}
SANDBOX_URL: Final = "https://sandbox.pagadito.com/comercios"


class PagaditoAdapter:
    """Makes Pagadito providers."""

    def __init__(self, settings: Settings, endpoints: HttpEndpoints) -> None:
        self._settings = settings
        self._endpoints = endpoints

    @property
    def capabilities(self) -> ProviderCapabilities:
        """What Pagadito can do."""
        return CAPABILITIES

    def parse_credentials(self, fields: Mapping[str, object]) -> ProviderCredentials:
        """Read ``uid``, ``wsk`` and ``sandbox``.

        Raises:
            InvalidValue: One is missing, unknown or of the wrong form. Echoes no secret.
        """
        (uid, wsk), sandbox = credential_fields(fields, texts=("uid", "wsk"))
        return PagaditoCredentialsVO(uid=uid, wsk=SecretText(wsk), sandbox=sandbox)

    def create(self, credentials: ProviderCredentials) -> PagaditoProvider:
        """Return the provider, speaking for the account of these credentials."""
        assert isinstance(credentials, PagaditoCredentialsVO), "made by parse_credentials above"

        def api_for(currency: str) -> PagaditoApi:
            base_url = self.address(sandbox=credentials.sandbox, currency=currency)
            http = self._endpoints.at(
                base_url, provider="PAGADITO", tls_min=self._settings.pagadito_tls_min
            )
            return PagaditoApi(http, credentials)

        return PagaditoProvider(
            api_for, checkout_validity_s=self._settings.pagadito_checkout_validity_s
        )

    async def aclose(self) -> None:
        """Nothing is under way in the background."""

    def address(self, *, sandbox: bool, currency: str) -> str:
        """Return the host for a currency."""
        override = self._settings.pagadito_base_url
        if override is not None:
            return str(override).rstrip("/")
        if sandbox:
            return SANDBOX_URL
        return LIVE_URL_BY_CURRENCY.get(currency, LIVE_URL)
