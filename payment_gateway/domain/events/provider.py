"""What can have happened to a tenant's use of a provider."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEnabledEvent:
    """New payments may go to the provider again."""

    tenant_id: str
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderDisabledEvent:
    """No new payment goes to the provider; those that are open are finished.

    Attributes:
        reason: For whoever reads this later.
    """

    tenant_id: str
    provider: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCurrency:
    """A currency that a provider is used for, with bounds of one payment.

    Attributes:
        currency: ISO 4217.
        amount_min_minor: The smallest amount; ``None`` for no bound.
        amount_max_minor: The largest amount; ``None`` for no bound.
    """

    currency: str
    amount_min_minor: int | None
    amount_max_minor: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConfiguredEvent:
    """What a provider is used for was set; replaces what was set before.

    Attributes:
        currencies: Those it is used for, with their bounds; none for all that the provider takes.
        fallback_providers: Tried in this order for payments that name no fallbacks of their own.
    """

    tenant_id: str
    provider: str
    currencies: tuple[ProviderCurrency, ...]
    fallback_providers: tuple[str, ...]


ProviderEvent = ProviderEnabledEvent | ProviderDisabledEvent | ProviderConfiguredEvent
