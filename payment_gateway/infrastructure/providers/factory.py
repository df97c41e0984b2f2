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
from payment_gateway.infrastructure.providers.paypal.shared_tokens import SharedTokens
from payment_gateway.infrastructure.resilience.circuit import Circuits
from payment_gateway.settings import Settings


def _adapters(
    settings: Settings, endpoints: HttpEndpoints, tokens: SharedTokens | None
) -> dict[str, ProviderAdapter]:
    return {
        "PAGADITO": PagaditoAdapter(settings, endpoints),
        "PAYPAL": PayPalAdapter(settings, endpoints, tokens),
    }


class HttpProviderFactory:
    """Makes providers that are reached over HTTP; see ``open_provider_factory``."""

    def __init__(self, adapters: Mapping[str, ProviderAdapter]) -> None:
        self._adapters = adapters

    @property
    def provider_types(self) -> tuple[str, ...]:
        """The types there are adapters for."""
        return tuple(sorted(self._adapters))

    def address(self, provider_type: str, *, sandbox: bool, currency: str) -> str:
        """Return the endpoint that an account's calls in a currency go to.

        Raises:
            UnsupportedProviderError: There is no adapter for it.
        """
        return self._adapter(provider_type).address(sandbox=sandbox, currency=currency)

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
            raise UnsupportedProviderError(provider_type, self.provider_types)
        return adapter


@asynccontextmanager
async def open_provider_factory(
    settings: Settings,
    *,
    circuits: Circuits | None = None,
    tokens: SharedTokens | None = None,
) -> AsyncIterator[HttpProviderFactory]:
    """Open the providers; closes every connection at the end. One for a process is enough.

    Args:
        settings: Where providers are and how long they may take.
        circuits: Those of their endpoints; this process's own where none are given.
        tokens: PayPal's access tokens that other processes share, where they do.
    """
    async with open_endpoints(settings, circuits) as endpoints, AsyncExitStack() as stack:
        adapters = _adapters(settings, endpoints, tokens)
        for adapter in adapters.values():
            stack.push_async_callback(adapter.aclose)
        yield HttpProviderFactory(adapters)
