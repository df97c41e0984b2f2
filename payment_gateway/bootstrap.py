"""The one place where the parts meet. Everything else is handed what it needs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import EventStore
from payment_gateway.application.services.credential_service import CredentialService
from payment_gateway.application.services.external_reference_service import (
    ExternalReferenceService,
)
from payment_gateway.application.services.payment_service import PaymentService
from payment_gateway.application.services.personal_data_service import PersonalDataService
from payment_gateway.application.services.tenant_service import TenantService
from payment_gateway.infrastructure.persistence.eventstoredb import (
    EventStoreDB,
    open_eventstoredb,
)
from payment_gateway.infrastructure.providers.factory import (
    HttpProviderFactory,
    open_provider_factory,
)
from payment_gateway.infrastructure.security.api_keys import ApiKeys, read_api_keys_file
from payment_gateway.infrastructure.security.envelope import (
    EnvelopeCredentialCipher,
    EnvelopeSubjectCipher,
    MasterKey,
)
from payment_gateway.infrastructure.security.key_file import read_key_file
from payment_gateway.settings import Settings


class SettingMissing(Exception):
    """A setting without which nothing works is not set; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenGateway:
    """The gateway and the parts of it that entry points need by themselves."""

    gateway: Gateway
    event_store: EventStoreDB
    master: MasterKey


def utc_now() -> datetime:
    """Return the time; the only clock that commands are stamped by."""
    return datetime.now(UTC)


def load_api_keys(settings: Settings) -> ApiKeys:
    """Return the API keys that are accepted.

    Raises:
        SettingMissing: No file is named.
        ApiKeysFileError: The file cannot be used.
        KeyFileError: The master key cannot be used.
    """
    if settings.api_keys_file is None:
        raise SettingMissing("set GATEWAY_API_KEYS_FILE to the file of accepted API keys")
    return ApiKeys(read_api_keys_file(settings.api_keys_file), _master_key(settings))


@asynccontextmanager
async def open_gateway(settings: Settings) -> AsyncIterator[OpenGateway]:
    """Open connections, hand out a gateway, close them in reverse order.

    Raises:
        SettingMissing: No key file is named.
        KeyFileError: The master key cannot be used.
        EventStoreUnavailable: The event store is a cluster of which no node answers.
    """
    master = MasterKey(_master_key(settings))
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_eventstoredb(settings))
        factory = await stack.enter_async_context(open_provider_factory(settings))
        gateway = assemble_gateway(settings, store=store, factory=factory, master=master)
        yield OpenGateway(gateway=gateway, event_store=store, master=master)


def assemble_gateway(
    settings: Settings, *, store: EventStore, factory: HttpProviderFactory, master: MasterKey
) -> Gateway:
    """Return a gateway over an event store and providers that are open already."""
    return Gateway(
        payments=PaymentService(store),
        credentials=CredentialService(
            store=store,
            cipher=EnvelopeCredentialCipher(master),
            factory=factory,
            monotonic=time.monotonic,
        ),
        tenants=TenantService(store=store, monotonic=time.monotonic),
        personal_data=PersonalDataService(store, EnvelopeSubjectCipher(master)),
        external_references=ExternalReferenceService(time.time_ns),
        provider_factory=factory,
        fingerprint=master.fingerprint,
        public_url=str(settings.public_url).rstrip("/"),
        amount_max=settings.amount_max,
        now=utc_now,
    )


def _master_key(settings: Settings) -> bytes:
    if settings.encryption_key_file is None:
        raise SettingMissing("set GATEWAY_ENCRYPTION_KEY_FILE to the file of the master key")
    return read_key_file(settings.encryption_key_file)
