"""All providers with their guards, and how they fare."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from payment_gateway.application.ports import Provider, ProviderCapabilities
from payment_gateway.domain.value_objects.provider_credentials import ProviderCredentials
from payment_gateway.infrastructure.cache import Cache
from payment_gateway.infrastructure.providers.factory import (
    HttpProviderFactory,
    open_provider_factory,
)
from payment_gateway.infrastructure.providers.paypal.shared_tokens import SharedTokens
from payment_gateway.infrastructure.resilience.bulkhead import Bulkhead, Bulkheads
from payment_gateway.infrastructure.resilience.call_records import (
    Account,
    CallRecords,
    InMemoryCallRecords,
)
from payment_gateway.infrastructure.resilience.call_records_in_redis import RedisCallRecords
from payment_gateway.infrastructure.resilience.circuit import Circuits, circuit_policy
from payment_gateway.infrastructure.resilience.circuits_in_memory import InMemoryCircuits
from payment_gateway.infrastructure.resilience.circuits_in_redis import RedisCircuits
from payment_gateway.infrastructure.resilience.guarded_provider import GuardedProvider, Guards
from payment_gateway.infrastructure.resilience.provider_health import RecordedProviderHealth
from payment_gateway.infrastructure.resilience.retries import (
    RetryPolicy,
    log_retries,
    retry_policy,
)
from payment_gateway.infrastructure.security.envelope import MasterKey
from payment_gateway.settings import Settings


class GuardedProviderFactory:
    """Makes providers with their guards around them."""

    def __init__(
        self,
        factory: HttpProviderFactory,
        *,
        bulkheads: Bulkheads,
        retry_policy: RetryPolicy,
        records: CallRecords,
        now: Callable[[], datetime],
    ) -> None:
        self._factory = factory
        self._bulkheads = bulkheads
        self._retry_policy = retry_policy
        self._records = records
        self._now = now

    def capabilities(self, provider_type: str) -> ProviderCapabilities:
        """Return what a provider can do; see ``ProviderFactory``."""
        return self._factory.capabilities(provider_type)

    def parse_credentials(
        self, provider_type: str, fields: Mapping[str, object]
    ) -> ProviderCredentials:
        """Read what a tenant stored or wants to store; see ``ProviderFactory``."""
        return self._factory.parse_credentials(provider_type, fields)

    def create(
        self, provider_type: str, credentials: ProviderCredentials, *, tenant_id: str
    ) -> Provider:
        """Return the provider, guarded; see ``ProviderFactory``."""

        def bulkhead_for(currency: str) -> Bulkhead:
            address = self._factory.address(
                provider_type, sandbox=credentials.sandbox, currency=currency
            )
            return self._bulkheads.at(address)

        guards = Guards(
            account=Account(tenant_id, provider_type),
            bulkhead_for=bulkhead_for,
            retry_policy=self._retry_policy,
            records=self._records,
            now=self._now,
        )
        return GuardedProvider(self._factory.create(provider_type, credentials), guards)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedProviders:
    """Providers, and the word on how they fare."""

    factory: GuardedProviderFactory
    health: RecordedProviderHealth


@asynccontextmanager
async def open_guarded_providers(
    settings: Settings,
    *,
    cache: Cache | None,
    master: MasterKey,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AsyncIterator[GuardedProviders]:
    """Open the providers; closes every connection to them at the end.

    Args:
        settings: Where they are, and every limit.
        cache: What the processes share; without it each goes by what it sees itself.
        master: Seals the access tokens that are shared.
        now: The clock that calls are counted by.
    """
    policy = circuit_policy(settings)
    circuits: Circuits = (local_circuits := InMemoryCircuits(policy))
    records: CallRecords = (local_records := InMemoryCallRecords())
    tokens: SharedTokens | None = None
    if cache is not None:
        circuits = RedisCircuits(cache, policy, local=local_circuits)
        records = RedisCallRecords(cache, local=local_records)
        tokens = SharedTokens(cache, master)
    log_retries()
    async with open_provider_factory(settings, circuits=circuits, tokens=tokens) as factory:
        yield GuardedProviders(
            factory=GuardedProviderFactory(
                factory,
                bulkheads=Bulkheads(settings),
                retry_policy=retry_policy(settings),
                records=records,
                now=now,
            ),
            health=RecordedProviderHealth(factory, circuits=circuits, records=records, now=now),
        )
