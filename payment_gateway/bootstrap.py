"""The one place where the parts meet. Everything else is handed what it needs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from redis.asyncio import Redis
from uuid_utils.compat import uuid7

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import EventStore, StreamDestroyer
from payment_gateway.application.services.api_key_directory import ApiKeyDirectory
from payment_gateway.application.services.api_key_service import ApiKeyService
from payment_gateway.application.services.credential_service import CredentialService
from payment_gateway.application.services.external_reference_service import (
    ExternalReferenceService,
)
from payment_gateway.application.services.idempotency_service import IdempotencyService
from payment_gateway.application.services.payment_service import PaymentService
from payment_gateway.application.services.personal_data_service import PersonalDataService
from payment_gateway.application.services.provider_service import ProviderService
from payment_gateway.application.services.split_service import SplitService
from payment_gateway.application.services.subject_service import SubjectService
from payment_gateway.application.services.tenant_service import TenantService
from payment_gateway.application.services.webhook_delivery_service import WebhookDeliveryService
from payment_gateway.application.services.webhook_endpoint_service import WebhookEndpointService
from payment_gateway.application.services.webhook_service import WebhookService
from payment_gateway.application.webhook_deliveries import WebhookDeliveryRecords
from payment_gateway.application.webhooks import ProviderWebhooks
from payment_gateway.infrastructure.cache import ANSWERS, Cache, open_cache
from payment_gateway.infrastructure.persistence.event_types import PAYMENT_EVENT_NAMES
from payment_gateway.infrastructure.persistence.eventstoredb import (
    EventStoreDB,
    open_eventstoredb,
)
from payment_gateway.infrastructure.persistence.mongodb import open_mongodb
from payment_gateway.infrastructure.providers.paypal.shared_tokens import SharedTokens
from payment_gateway.infrastructure.resilience.guarded_providers import (
    GuardedProviders,
    open_guarded_providers,
)
from payment_gateway.infrastructure.security.api_keys import HashedSecrets, read_fixed_api_keys
from payment_gateway.infrastructure.security.consistency_token import ConsistencyTokens
from payment_gateway.infrastructure.security.envelope import (
    EnvelopeCredentialCipher,
    EnvelopeSubjectCipher,
    EnvelopeWebhookSecretCipher,
    MasterKey,
)
from payment_gateway.infrastructure.security.key_source import open_key_source
from payment_gateway.infrastructure.webhook_deliveries.records import MongoWebhookDeliveryRecords
from payment_gateway.infrastructure.webhook_deliveries.sender import open_sender
from payment_gateway.infrastructure.webhooks.providers import open_provider_webhooks
from payment_gateway.settings import Settings

_ID_DIGITS: Final = 16

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenGateway:
    """The gateway and the parts of it that entry points need by themselves."""

    gateway: Gateway
    event_store: EventStoreDB
    master: MasterKey
    redis: Redis | None
    cache: Cache | None


def utc_now() -> datetime:
    """Return the time; the only clock that commands are stamped by."""
    return datetime.now(UTC)


def check_keys(settings: Settings) -> None:
    """Refuse to start where keys are missing.

    Raises:
        KeySourceMissing: No keys are named, or the token lacks one.
        KeyFileError: The key file cannot be used.
        KeySourceUnavailable: The token that has the keys gives no answer.
        ApiKeysFileError: The file of fixed API keys cannot be used.
    """
    with open_key_source(settings):
        read_fixed_api_keys(settings.api_keys_file)


def open_api_keys(settings: Settings, store: EventStore, secret: bytes) -> ApiKeyService:
    """Return the API keys: those of the file so far, see ``access`` for those of the log.

    Raises:
        ApiKeysFileError: The file of fixed keys cannot be used.
    """
    simulated = settings.paypal_base_url is not None or settings.pagadito_base_url is not None
    return ApiKeyService(
        store=store,
        directory=ApiKeyDirectory(read_fixed_api_keys(settings.api_keys_file)),
        secrets=HashedSecrets(secret, live=not simulated),
        new_id=lambda: str(uuid7()),
    )


@asynccontextmanager
async def open_gateway(settings: Settings) -> AsyncIterator[OpenGateway]:
    """Open connections, hand out a gateway, close them in reverse order.

    Raises:
        KeySourceMissing: No keys are named, or the token lacks one.
        KeyFileError: The key file cannot be used.
        KeySourceUnavailable: The token that has the keys gives no answer.
        ApiKeysFileError: The file of fixed API keys cannot be used.
        CertificateFileError: A file of certificate authorities cannot be used.
        EventStoreUnavailable: The event store is a cluster of which no node answers.
    """
    async with AsyncExitStack() as stack:
        keys = stack.enter_context(open_key_source(settings))
        master = keys.master
        store = await stack.enter_async_context(open_eventstoredb(settings))
        redis = await stack.enter_async_context(open_cache(settings))
        cache = None
        if redis is not None:
            # Installations may share a database; none knows another's secret, so none has its keys.
            cache = Cache(redis, installation=master.fingerprint(b"redis keys")[:_ID_DIGITS])
        providers = await stack.enter_async_context(
            open_guarded_providers(settings, cache=cache, master=master, now=utc_now)
        )
        tokens = None if cache is None else SharedTokens(cache, master)
        webhooks = await stack.enter_async_context(
            open_provider_webhooks(settings, now=utc_now, tokens=tokens)
        )
        database = await stack.enter_async_context(open_mongodb(settings))
        gateway = assemble_gateway(
            settings,
            store=store,
            streams=store,
            providers=providers,
            webhooks=webhooks,
            master=master,
            api_keys=open_api_keys(settings, store, keys.secret),
            records=MongoWebhookDeliveryRecords(database),
            drop_answers=_drop_answers(cache),
        )
        stack.push_async_callback(gateway.idempotency.settled)
        yield OpenGateway(
            gateway=gateway, event_store=store, master=master, redis=redis, cache=cache
        )


def assemble_gateway(
    settings: Settings,
    *,
    store: EventStore,
    streams: StreamDestroyer,
    providers: GuardedProviders,
    webhooks: Mapping[str, ProviderWebhooks],
    master: MasterKey,
    api_keys: ApiKeyService,
    records: WebhookDeliveryRecords,
    drop_answers: Callable[[str], Awaitable[None]],
) -> Gateway:
    """Return a gateway over an event store and providers that are open already."""
    numbers = ExternalReferenceService(time.time_ns)
    personal_data = PersonalDataService(store, EnvelopeSubjectCipher(master))
    return Gateway(
        payments=PaymentService(store, utc_now),
        splits=SplitService(store),
        credentials=CredentialService(
            store=store,
            cipher=EnvelopeCredentialCipher(master),
            factory=providers.factory,
            monotonic=time.monotonic,
        ),
        providers=ProviderService(store=store, factory=providers.factory, monotonic=time.monotonic),
        tenants=TenantService(store=store, monotonic=time.monotonic),
        api_keys=api_keys,
        personal_data=personal_data,
        subjects=SubjectService(
            store=store,
            streams=streams,
            fingerprint=master.fingerprint,
            drop_answers=drop_answers,
        ),
        webhooks=WebhookService(store, webhooks),
        idempotency=IdempotencyService(
            store,
            seal=master,
            fingerprint=master.fingerprint,
            numbers=numbers,
            lease=timedelta(seconds=settings.idempotency_lease_s),
        ),
        webhook_endpoints=WebhookEndpointService(
            store=store,
            cipher=EnvelopeWebhookSecretCipher(master),
            records=records,
            known_types=PAYMENT_EVENT_NAMES,
            allow_plain=bool(settings.webhook_networks_allowed),
        ),
        webhook_deliveries=WebhookDeliveryService(
            store=store, records=records, personal_data=personal_data
        ),
        webhook_sender=open_sender(settings, encode_token=ConsistencyTokens(master).encode),
        external_references=numbers,
        provider_factory=providers.factory,
        provider_health=providers.health,
        fingerprint=master.fingerprint,
        public_url=str(settings.public_url).rstrip("/"),
        amount_max=settings.amount_max,
        now=utc_now,
    )


def _drop_answers(cache: Cache | None) -> Callable[[str], Awaitable[None]]:
    """Return what drops the answers to a tenant that are kept in Redis, where there is one."""

    async def drop(tenant_id: str) -> None:
        if cache is not None and not await cache.drop(f"{ANSWERS}:{tenant_id}:"):
            log.warning("cache.answers_not_dropped", tenant_id=tenant_id)

    return drop
