"""What a provider's rate for a currency is, for whom a tenant's account asks."""

from __future__ import annotations

from decimal import Decimal

from payment_gateway.application.ports import ProviderUnavailable
from payment_gateway.application.services.credential_service import CredentialService
from payment_gateway.domain.errors import (
    ExchangeRateNotSupported,
    InvalidValue,
    ProviderUnavailableError,
)


async def ask_exchange_rate(
    credentials: CredentialService, provider_type: str, currency: str, *, tenant_id: str
) -> Decimal:
    """Ask a provider for its rate; nothing is recorded, since nothing is done with it.

    Raises:
        UnsupportedProviderError: There is no adapter for it.
        ExchangeRateNotSupported: The provider names no rates.
        InvalidValue: Not a currency that it takes, or has a rate for.
        ProviderNotConfigured: The tenant has no account there.
        CredentialRevoked: Its account must not be used any more.
        ProviderUnavailableError: No rate came; ask again later.
        EventStoreUnavailable: The event store gave no answer.
    """
    capabilities = credentials.factory.capabilities(provider_type)
    if not capabilities.exchange_rate:
        raise ExchangeRateNotSupported(provider_type)
    if currency not in capabilities.currencies:
        taken = ", ".join(sorted(capabilities.currencies))
        raise InvalidValue(f"{provider_type} takes {taken}, not {currency}", param="currency")
    provider = await credentials.open(provider_type, tenant_id=tenant_id)
    try:
        return await provider.exchange_rate(currency)
    except ProviderUnavailable as error:
        raise ProviderUnavailableError(provider_type, retry_after_s=error.retry_after_s) from error
