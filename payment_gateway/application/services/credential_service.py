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
    CredentialVersion,
    RevokeCredential,
    StoreCredential,
    decide,
    evolve,
)
from payment_gateway.domain.errors import ProviderNotConfigured
from payment_gateway.domain.events.credential import (
    CredentialEvent,
    CredentialRevokedEvent,
    CredentialRewrappedEvent,
    CredentialRotatedEvent,
    CredentialStoredEvent,
)
from payment_gateway.domain.value_objects.provider_credentials import ProviderCredentials

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
        *,
        replacing: bool = False,
    ) -> Executed[Credential, CredentialEvent]:
        """Store credentials, as a new version unless they are the newest already.

        Args:
            provider_type: Whose they are.
            fields: What the provider's adapter reads them from.
            context: Who stores them, and for which tenant.
            replacing: Refuse them unless there are some in use whose place they take.

        Raises:
            UnsupportedProviderError: There is no adapter for this provider.
            InvalidValue: They are not credentials of this provider.
            ProviderNotConfigured: There are none to replace.
            CredentialRevoked: Those to be replaced were revoked.
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
                replacing=replacing,
            )
            return decide(command, credential)

        key = _key(tenant_id, provider_type)
        streams = self._streams
        executed = await streams.execute(
            key, decide_version, context, after=await streams.load_matching(key, context)
        )
        self._cache.pop(key, None)
        return executed

    async def revoke(
        self, provider_type: str, context: CommandContext, *, reason: str | None
    ) -> Executed[Credential, CredentialEvent]:
        """Let no version of the credentials be used any more; every process obeys after ``CACHE_S``.

        Raises:
            ProviderNotConfigured: There are none.
            EventStoreUnavailable: No answer; revoking again is safe.
        """
        command = RevokeCredential(provider=provider_type, reason=reason)
        key = _key(context.tenant_id, provider_type)
        executed = await self._streams.execute(key, lambda now: decide(command, now), context)
        self._cache.pop(key, None)
        return executed

    async def open(
        self, provider_type: str, *, tenant_id: str, version: int | None = None
    ) -> Provider:
        """Return a provider that speaks for the tenant's account; see ``reveal``."""
        credentials = await self.reveal(provider_type, tenant_id=tenant_id, version=version)
        return self.factory.create(provider_type, credentials, tenant_id=tenant_id)

    async def reveal(
        self, provider_type: str, *, tenant_id: str, version: int | None = None
    ) -> ProviderCredentials:
        """Return what the tenant's account is opened with, for whom it is needed right now.

        Args:
            provider_type: Which provider.
            tenant_id: Whose account.
            version: The one that something was begun with. Where the newest is of the same account,
                that is used: a replaced secret may have ended.

        Raises:
            UnsupportedProviderError: There is no adapter for it.
            ProviderNotConfigured: The tenant has stored no credentials for it, or none of that version.
            CredentialRevoked: They must not be used any more.
            SealBroken: The keys that wrapped them are lost, or they were changed.
            KeySourceUnavailable: Where the keys are kept gave no answer.
            EventStoreUnavailable: The event store gave no answer.
        """
        self.factory.capabilities(provider_type)
        credential = await self.find(provider_type, tenant_id=tenant_id)
        if credential is None:
            raise ProviderNotConfigured(provider_type)
        asked = credential.usable(version)
        credentials = self._opened(credential, asked)
        if asked.version != credential.version and not credential.revoked:
            newest = self._opened(credential, credential.newest)
            if newest.account == credentials.account:
                return newest
        return credentials

    def _opened(self, credential: Credential, one: CredentialVersion) -> ProviderCredentials:
        plaintext = self.cipher.open(
            one.envelope,
            tenant_id=credential.tenant_id,
            provider=credential.provider,
            version=one.version,
        )
        return self.factory.parse_credentials(credential.provider, json.loads(plaintext))

    async def find(self, provider_type: str, *, tenant_id: str) -> Credential | None:
        """Return what the tenant stored for a provider, sealed; ``None`` if nothing.

        Raises:
            EventStoreUnavailable: The event store gave no answer.
        """
        return (await self._newest(_key(tenant_id, provider_type))).state

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
            event_types=(
                CredentialStoredEvent,
                CredentialRotatedEvent,
                CredentialRevokedEvent,
                CredentialRewrappedEvent,
            ),
            evolve=evolve,
        )


def _key(tenant_id: str, provider_type: str) -> str:
    return f"{tenant_id}.{provider_type}"
