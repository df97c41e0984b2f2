"""Which providers there are: one line each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from payment_gateway.application.ports import Provider, ProviderCapabilities
from payment_gateway.domain.errors import UnsupportedProviderError
from payment_gateway.domain.value_objects.provider_credentials import ProviderCredentials
from payment_gateway.infrastructure.providers.adapter import ProviderAdapter
from payment_gateway.infrastructure.providers.http import HttpEndpoints, open_endpoints
from payment_gateway.infrastructure.providers.pagadito.adapter import PagaditoAdapter
from payment_gateway.infrastructure.providers.paypal.adapter import PayPalAdapter
from payment_gateway.settings import Settings


def _adapters(settings: Settings, endpoints: HttpEndpoints) -> dict[str, ProviderAdapter]:
    return {
        "PAGADITO": PagaditoAdapter(settings, endpoints),
        "PAYPAL": PayPalAdapter(settings, endpoints),
    }


class HttpProviderFactory:
    """Makes providers that are reached over HTTP; see ``open_provider_factory``."""

    def __init__(self, adapters: Mapping[str, ProviderAdapter]) -> None:
        self._adapters = adapters

    def capabilities(self, provider_type: str) -> ProviderCapabilities:
        """Return what a provider can do.

        Raises:
            UnsupportedProviderError: There is no adapter for it.
        """
        return self._adapter(provider_type).capabilities

    def parse_credentials(
        self, provider_type: str, fields: Mapping[str, object]
    ) -> ProviderCredentials:
        """Read what a tenant stored or wants to store.

        Raises:
            UnsupportedProviderError: There is no adapter for it.
            InvalidValue: A field is missing, unknown or of the wrong form. Echoes no secret.
        """
        return self._adapter(provider_type).parse_credentials(fields)

    def create(self, provider_type: str, credentials: ProviderCredentials) -> Provider:
        """Return the provider, speaking for the account of these credentials.

        Raises:
            UnsupportedProviderError: There is no adapter for it.
        """
        return self._adapter(provider_type).create(credentials)

    def _adapter(self, provider_type: str) -> ProviderAdapter:
        adapter = self._adapters.get(provider_type)
        if adapter is None:
            raise UnsupportedProviderError(provider_type, tuple(sorted(self._adapters)))
        return adapter


@asynccontextmanager
async def open_provider_factory(settings: Settings) -> AsyncIterator[HttpProviderFactory]:
    """Open the providers; closes every connection at the end. One for a process is enough."""
    async with open_endpoints(settings) as endpoints, AsyncExitStack() as stack:
        adapters = _adapters(settings, endpoints)
        for adapter in adapters.values():
            stack.push_async_callback(adapter.aclose)
        yield HttpProviderFactory(adapters)
