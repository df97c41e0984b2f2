"""Keeps tenants' credentials sealed, and opens a provider with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from payment_gateway.application.ports import (
    CommandContext,
    CredentialCipher,
    EventStore,
    Provider,
    ProviderFactory,
)
from payment_gateway.application.services.stream_service import Executed, Loaded, StreamService
from payment_gateway.domain.aggregates.credential import (
    Credential,
    StoreCredential,
    decide,
    evolve,
)
from payment_gateway.domain.errors import ProviderNotConfigured
from payment_gateway.domain.events.credential import CredentialEvent, CredentialStoredEvent

CACHE_S: Final = 5.0  # a process goes on with replaced credentials no longer than this
CACHE_MAX: Final = 10_000


@dataclass(slots=True)
class CredentialService:
    """Stores credentials and makes providers that speak for their accounts.

    What is cached is sealed; the clear text lives as long as a provider object does.
    """

    store: EventStore
    cipher: CredentialCipher
    factory: ProviderFactory
    monotonic: Callable[[], float]
    _cache: dict[str, tuple[float, Loaded[Credential]]] = field(default_factory=dict)

    async def save(
        self,
        provider_type: str,
        fields: Mapping[str, object],
        context: CommandContext,
    ) -> Executed[Credential, CredentialEvent]:
        """Store credentials, as a new version unless they are the newest already.

        Raises:
            UnsupportedProviderError: There is no adapter for this provider.
            InvalidValue: They are not credentials of this provider.
            EventStoreUnavailable: No answer; storing again is safe.
        """
        credentials = self.factory.parse_credentials(provider_type, fields)
        plaintext = json.dumps(fields, sort_keys=True).encode()
        tenant_id = context.tenant_id
        fingerprint = self.cipher.fingerprint(plaintext)

        def decide_version(credential: Credential | None) -> list[CredentialEvent]:
            version = credential.version + 1 if credential else 1
            command = StoreCredential(
                tenant_id=tenant_id,
                provider=provider_type,
                version=version,
                fingerprint=fingerprint,
                sandbox=credentials.sandbox,
                envelope=self.cipher.seal(
                    plaintext, tenant_id=tenant_id, provider=provider_type, version=version
                ),
            )
            return decide(command, credential)

        key = _key(tenant_id, provider_type)
        executed = await self._streams.execute(key, decide_version, context)
        self._cache.pop(key, None)
        return executed

    async def open(self, provider_type: str, *, tenant_id: str) -> Provider:
        """Return a provider that speaks for the tenant's account.

        Raises:
            UnsupportedProviderError: There is no adapter for it.
            ProviderNotConfigured: The tenant has stored no credentials for it.
            SealBroken: The master key is not the one they were sealed under.
            EventStoreUnavailable: The event store gave no answer.
        """
        self.factory.capabilities(provider_type)
        credential = (await self._newest(_key(tenant_id, provider_type))).state
        if credential is None:
            raise ProviderNotConfigured(provider_type)
        plaintext = self.cipher.open(
            credential.envelope,
            tenant_id=tenant_id,
            provider=provider_type,
            version=credential.version,
        )
        credentials = self.factory.parse_credentials(provider_type, json.loads(plaintext))
        return self.factory.create(provider_type, credentials)

    async def _newest(self, key: str) -> Loaded[Credential]:
        now = self.monotonic()
        cached = self._cache.get(key)
        if cached and cached[0] > now:
            return cached[1]
        loaded = await self._streams.load(key)
        if len(self._cache) >= CACHE_MAX:
            self._cache.clear()
        if loaded.state is not None:  # what is missing may be stored at any moment
            self._cache[key] = (now + CACHE_S, loaded)
        return loaded

    @property
    def _streams(self) -> StreamService[Credential, CredentialEvent]:
        return StreamService(
            store=self.store,
            category="credential",
            event_types=(CredentialStoredEvent,),
            evolve=evolve,
        )


def _key(tenant_id: str, provider_type: str) -> str:
    return f"{tenant_id}.{provider_type}"
