"""Whether and for what tenants use providers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from payment_gateway.application.ports import CommandContext, EventStore, ProviderFactory
from payment_gateway.application.services.stream_service import StreamService
from payment_gateway.domain.aggregates.provider import (
    ConfigureProvider,
    DisableProvider,
    EnableProvider,
    Provider,
    ProviderCommand,
    decide,
    evolve,
)
from payment_gateway.domain.errors import InvalidValue
from payment_gateway.domain.events.provider import (
    ProviderConfiguredEvent,
    ProviderCurrency,
    ProviderDisabledEvent,
    ProviderEnabledEvent,
    ProviderEvent,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO

CACHE_S: Final = 5.0  # a process goes on with what was changed no longer than this
CACHE_MAX: Final = 10_000
FALLBACK_PROVIDERS_MAX: Final = 10

# The least and the most of one payment, in major units of its currency; ``None`` for no bound.
Bounds = tuple[Decimal | None, Decimal | None]


@dataclass(slots=True)
class ProviderService:
    """Changes how tenants use providers, and refuses payments that do not fit."""

    store: EventStore
    factory: ProviderFactory
    monotonic: Callable[[], float]
    _cache: dict[str, tuple[float, Provider]] = field(default_factory=dict)

    async def enable(self, provider_type: str, context: CommandContext) -> Provider:
        """Let new payments go to a provider; raises what ``configure`` raises."""
        return await self._execute(provider_type, EnableProvider(), context)

    async def disable(
        self, provider_type: str, context: CommandContext, *, reason: str | None
    ) -> Provider:
        """Let no new payment go to a provider; raises what ``configure`` raises."""
        return await self._execute(provider_type, DisableProvider(reason=reason), context)

    async def configure(
        self,
        provider_type: str,
        context: CommandContext,
        *,
        currencies: Mapping[str, Bounds] | None,
        fallback_providers: tuple[str, ...] | None,
    ) -> Provider:
        """Set what a provider is used for; ``None`` leaves as it is.

        Raises:
            UnsupportedProviderError: There is no adapter for it, or for a fallback.
            InvalidValue: A currency it does not take, bounds that are none, or too many fallbacks.
            EventStoreUnavailable: No answer; the same may be set again.
        """
        fallbacks = None
        if fallback_providers is not None:
            fallbacks = self._fallbacks(provider_type, fallback_providers)
        chosen = None
        if currencies is not None:
            taken = self.factory.capabilities(provider_type).currencies
            chosen = tuple(
                _currency(provider_type, taken, name, currencies[name]) for name in currencies
            )
        command = ConfigureProvider(currencies=chosen, fallback_providers=fallbacks)
        return await self._execute(provider_type, command, context)

    async def find(self, provider_type: str, *, tenant_id: str) -> Provider:
        """Return how a tenant uses a provider; as it was up to ``CACHE_S`` ago.

        Raises:
            EventStoreUnavailable: The event store gave no answer.
        """
        key = _key(tenant_id, provider_type)
        now = self.monotonic()
        cached = self._cache.get(key)
        if cached and cached[0] > now:
            return cached[1]
        loaded = (await self._streams.load(key)).state
        provider = loaded or Provider(tenant_id=tenant_id, provider=provider_type)
        if len(self._cache) >= CACHE_MAX:
            self._cache.clear()
        self._cache[key] = (now + CACHE_S, provider)
        return provider

    async def check(
        self, provider_type: str, amount: PaymentAmountVO, *, tenant_id: str
    ) -> Provider:
        """Return the provider, if a new payment of this amount may go to it.

        Raises:
            ProviderDisabled: No new payment may.
            InvalidAmountError: It is not used for this currency or amount.
            EventStoreUnavailable: The event store gave no answer.
        """
        provider = await self.find(provider_type, tenant_id=tenant_id)
        provider.check(amount)
        return provider

    async def _execute(
        self, provider_type: str, command: ProviderCommand, context: CommandContext
    ) -> Provider:
        self.factory.capabilities(provider_type)
        key = _key(context.tenant_id, provider_type)
        unset = Provider(tenant_id=context.tenant_id, provider=provider_type)
        loaded = await self._streams.load(key)
        provider = loaded.state or unset
        if decide(command, provider):
            executed = await self._streams.execute(
                key, lambda now: decide(command, now or unset), context, after=loaded
            )
            provider = executed.state
        self._cache.pop(key, None)
        return provider

    def _fallbacks(
        self, provider_type: str, fallbacks: tuple[str, ...]
    ) -> tuple[ProviderTypeVO, ...]:
        distinct = len(set(fallbacks)) == len(fallbacks) and provider_type not in fallbacks
        if len(fallbacks) > FALLBACK_PROVIDERS_MAX or not distinct:
            raise InvalidValue(
                f"at most {FALLBACK_PROVIDERS_MAX} other providers, each once",
                param="fallbackProviders",
            )
        for fallback in fallbacks:
            self.factory.capabilities(fallback)
        return tuple(ProviderTypeVO(one) for one in fallbacks)

    @property
    def _streams(self) -> StreamService[Provider, ProviderEvent]:
        return StreamService(
            store=self.store,
            category="provider",
            event_types=(ProviderEnabledEvent, ProviderDisabledEvent, ProviderConfiguredEvent),
            evolve=evolve,
        )


def _currency(
    provider_type: str, taken: frozenset[str], currency: str, bounds: Bounds
) -> ProviderCurrency:
    if currency not in taken:
        raise InvalidValue(
            f"{provider_type} takes {', '.join(sorted(taken))}, not {currency}", param="currencies"
        )
    least, most = (
        None if bound is None else PaymentAmountVO.parse(bound, currency).amount_minor
        for bound in bounds
    )
    if least is not None and most is not None and least > most:
        raise InvalidValue(f"the least of {currency} is above the most", param="currencies")
    return ProviderCurrency(currency=currency, amount_min_minor=least, amount_max_minor=most)


def _key(tenant_id: str, provider_type: str) -> str:
    return f"{tenant_id}.{provider_type}"
