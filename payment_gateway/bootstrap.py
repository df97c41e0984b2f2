"""The one place where the parts meet. Everything else is handed what it needs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import EventStore
from payment_gateway.application.services.credential_service import CredentialService
from payment_gateway.application.services.external_reference_service import (
    ExternalReferenceService,
)
from payment_gateway.application.services.idempotency_service import IdempotencyService
from payment_gateway.application.services.payment_service import PaymentService
from payment_gateway.application.services.personal_data_service import PersonalDataService
from payment_gateway.application.services.provider_service import ProviderService
from payment_gateway.application.services.split_service import SplitService
from payment_gateway.application.services.tenant_service import TenantService
from payment_gateway.application.services.webhook_service import WebhookService
from payment_gateway.application.webhooks import ProviderWebhooks
from payment_gateway.infrastructure.cache import Cache, open_cache
from payment_gateway.infrastructure.persistence.eventstoredb import (
    EventStoreDB,
    open_eventstoredb,
)
from payment_gateway.infrastructure.providers.paypal.shared_tokens import SharedTokens
from payment_gateway.infrastructure.resilience.guarded_providers import (
    GuardedProviders,
    open_guarded_providers,
)
from payment_gateway.infrastructure.security.api_keys import ApiKeys, read_api_keys_file
from payment_gateway.infrastructure.security.envelope import (
    EnvelopeCredentialCipher,
    EnvelopeSubjectCipher,
    MasterKey,
)
from payment_gateway.infrastructure.security.key_source import open_key_source
from payment_gateway.infrastructure.webhooks.providers import open_provider_webhooks
from payment_gateway.settings import Settings


class SettingMissing(Exception):
    """A setting without which nothing works is not set; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenGateway:
    """The gateway and the parts of it that entry points need by themselves."""

    gateway: Gateway
    event_store: EventStoreDB
    master: MasterKey
    redis: Redis | None


def utc_now() -> datetime:
    """Return the time; the only clock that commands are stamped by."""
    return datetime.now(UTC)


def load_api_keys(settings: Settings) -> ApiKeys:
    """Return the API keys that are accepted.

    Raises:
        SettingMissing: No file is named.
        ApiKeysFileError: The file cannot be used.
        KeySourceMissing: No keys are named, or the token lacks one.
        KeyFileError: The key file cannot be used.
        KeySourceUnavailable: The token that has the keys gives no answer.
    """
    if settings.api_keys_file is None:
        raise SettingMissing("set GATEWAY_API_KEYS_FILE to the file of accepted API keys")
    with open_key_source(settings) as keys:
        return ApiKeys(read_api_keys_file(settings.api_keys_file), keys.secret)


@asynccontextmanager
async def open_gateway(settings: Settings) -> AsyncIterator[OpenGateway]:
    """Open connections, hand out a gateway, close them in reverse order.

    Raises:
        KeySourceMissing: No keys are named, or the token lacks one.
        KeyFileError: The key file cannot be used.
        KeySourceUnavailable: The token that has the keys gives no answer.
        CertificateFileError: A file of certificate authorities cannot be used.
        EventStoreUnavailable: The event store is a cluster of which no node answers.
    """
    async with AsyncExitStack() as stack:
        master = stack.enter_context(open_key_source(settings)).master
        store = await stack.enter_async_context(open_eventstoredb(settings))
        redis = await stack.enter_async_context(open_cache(settings))
        providers = await stack.enter_async_context(
            open_guarded_providers(settings, redis=redis, master=master, now=utc_now)
        )
        tokens = None if redis is None else SharedTokens(Cache(redis), master)
        webhooks = await stack.enter_async_context(
            open_provider_webhooks(settings, now=utc_now, tokens=tokens)
        )
        gateway = assemble_gateway(
            settings, store=store, providers=providers, webhooks=webhooks, master=master
        )
        yield OpenGateway(gateway=gateway, event_store=store, master=master, redis=redis)


def assemble_gateway(
    settings: Settings,
    *,
    store: EventStore,
    providers: GuardedProviders,
    webhooks: Mapping[str, ProviderWebhooks],
    master: MasterKey,
) -> Gateway:
    """Return a gateway over an event store and providers that are open already."""
    numbers = ExternalReferenceService(time.time_ns)
    return Gateway(
        payments=PaymentService(store),
        splits=SplitService(store),
        credentials=CredentialService(
            store=store,
            cipher=EnvelopeCredentialCipher(master),
            factory=providers.factory,
            monotonic=time.monotonic,
        ),
        providers=ProviderService(store=store, factory=providers.factory, monotonic=time.monotonic),
        tenants=TenantService(store=store, monotonic=time.monotonic),
        personal_data=PersonalDataService(store, EnvelopeSubjectCipher(master)),
        webhooks=WebhookService(store, webhooks),
        idempotency=IdempotencyService(
            store,
            seal=master,
            fingerprint=master.fingerprint,
            numbers=numbers,
            lease=timedelta(seconds=settings.idempotency_lease_s),
        ),
        external_references=numbers,
        provider_factory=providers.factory,
        provider_health=providers.health,
        fingerprint=master.fingerprint,
        public_url=str(settings.public_url).rstrip("/"),
        amount_max=settings.amount_max,
        now=utc_now,
    )
