"""The Provider aggregate: whether and for what a tenant uses a provider."""

from __future__ import annotations

from dataclasses import dataclass, replace

from payment_gateway.domain.errors import InvalidAmountError, ProviderDisabled
from payment_gateway.domain.events.provider import (
    ProviderConfiguredEvent,
    ProviderCurrency,
    ProviderDisabledEvent,
    ProviderEnabledEvent,
    ProviderEvent,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO


@dataclass(frozen=True, slots=True, kw_only=True)
class EnableProvider:
    """Let new payments go to the provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisableProvider:
    """Let no new payment go to the provider."""

    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureProvider:
    """Set what the provider is used for, see ``ProviderConfiguredEvent``; ``None`` leaves as it is."""

    currencies: tuple[ProviderCurrency, ...] | None
    fallback_providers: tuple[ProviderTypeVO, ...] | None


ProviderCommand = EnableProvider | DisableProvider | ConfigureProvider


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """How a tenant uses a provider; enabled and without bounds where nothing was ever set."""

    tenant_id: str
    provider: str
    enabled: bool = True
    currencies: tuple[ProviderCurrency, ...] = ()
    fallback_providers: tuple[str, ...] = ()

    def check(self, amount: PaymentAmountVO) -> None:
        """Refuse a new payment that must not go to this provider.

        Raises:
            ProviderDisabled: None must.
            InvalidAmountError: It is not used for this currency, or not for this amount of it.
        """
        if not self.enabled:
            raise ProviderDisabled(self.provider)
        if not self.currencies:
            return
        bounds = next((one for one in self.currencies if one.currency == amount.currency), None)
        if bounds is None:
            used = ", ".join(one.currency for one in self.currencies)
            raise InvalidAmountError(f"{self.provider} is used for {used} only", param="currency")
        least, most = bounds.amount_min_minor, bounds.amount_max_minor
        if least is not None and amount.amount_minor < least:
            shown = PaymentAmountVO(least, amount.currency)
            raise InvalidAmountError(f"a payment by {self.provider} is at least {shown}")
        if most is not None and amount.amount_minor > most:
            shown = PaymentAmountVO(most, amount.currency)
            raise InvalidAmountError(f"a payment by {self.provider} is at most {shown}")


def decide(command: ProviderCommand, provider: Provider) -> list[ProviderEvent]:
    """Return what a command causes: nothing where the provider is that already."""
    owner = {"tenant_id": provider.tenant_id, "provider": provider.provider}
    match command:
        case EnableProvider():
            return [] if provider.enabled else [ProviderEnabledEvent(**owner)]
        case DisableProvider():
            if not provider.enabled:
                return []
            return [ProviderDisabledEvent(**owner, reason=command.reason)]
        case ConfigureProvider():
            return _configure(command, provider)


def evolve(provider: Provider | None, event: ProviderEvent) -> Provider:
    """Return the provider after an event."""
    known = provider or Provider(tenant_id=event.tenant_id, provider=event.provider)
    match event:
        case ProviderEnabledEvent():
            return replace(known, enabled=True)
        case ProviderDisabledEvent():
            return replace(known, enabled=False)
        case ProviderConfiguredEvent():
            return replace(
                known, currencies=event.currencies, fallback_providers=event.fallback_providers
            )


def _configure(command: ConfigureProvider, provider: Provider) -> list[ProviderEvent]:
    currencies = provider.currencies if command.currencies is None else command.currencies
    fallbacks = provider.fallback_providers
    if command.fallback_providers is not None:
        fallbacks = tuple(one.value for one in command.fallback_providers)
    if (currencies, fallbacks) == (provider.currencies, provider.fallback_providers):
        return []
    return [
        ProviderConfiguredEvent(
            tenant_id=provider.tenant_id,
            provider=provider.provider,
            currencies=currencies,
            fallback_providers=fallbacks,
        )
    ]
