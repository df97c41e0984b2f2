"""Keeps the addresses that tenants' events are sent to, and the secrets that sign them."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol, get_args
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from payment_gateway.application.ports import CommandContext, EventStore
from payment_gateway.application.services.stream_service import Executed, StreamService
from payment_gateway.application.webhook_deliveries import EndpointRecord, WebhookDeliveryRecords
from payment_gateway.domain.aggregates.webhook_endpoint import (
    ChangeWebhookEndpoint,
    CreateWebhookEndpoint,
    DeleteWebhookEndpoint,
    DisableWebhookEndpoint,
    RequestWebhookTest,
    RotateWebhookSecret,
    WebhookEndpoint,
    WebhookEndpointCommand,
    decide,
    evolve,
)
from payment_gateway.domain.errors import (
    InvalidValue,
    WebhookEndpointLimit,
    WebhookEndpointNotFound,
)
from payment_gateway.domain.events.webhook_endpoint import (
    WebhookEndpointEvent,
    WebhookTestRequestedEvent,
)
from payment_gateway.domain.value_objects.payment_details import check_web_address

ENDPOINTS_MAX: Final = 20  # of one tenant
TYPES_MAX: Final = 50
OVERLAP_S_MAX: Final = 7 * 86_400
OVERLAP_S_DEFAULT: Final = 86_400
# Standard Webhooks, "Signature scheme": between 24 and 64 bytes, shown as base64 after whsec_.
SECRET_BYTES: Final = 32
_PREFIX: Final = "whsec_"

Events = Executed[WebhookEndpoint, WebhookEndpointEvent]


class WebhookSecretCipher(Protocol):
    """Seals the secrets of endpoints, bound to whose they are."""

    def seal(self, plaintext: bytes, *, tenant_id: str, endpoint_id: str, version: int) -> str:
        """Return an envelope that opens only for the same tenant, endpoint and version."""
        ...

    def open(self, envelope: str, *, tenant_id: str, endpoint_id: str, version: int) -> bytes:
        """Return the clear text; raises ``SealBroken`` or ``KeySourceUnavailable``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSecret:
    """What became of an endpoint, and its new secret: the only time that it is shown."""

    executed: Events
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedTest:
    """What became of an endpoint, and the id of the event that is delivered as a test."""

    executed: Events
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpointService:
    """One stream an endpoint.

    Attributes:
        known_types: Stored names of the events that can be wanted.
        allow_plain: Whether an address may be ``http``; the sender still goes to allowed networks alone.
    """

    store: EventStore
    cipher: WebhookSecretCipher
    records: WebhookDeliveryRecords
    known_types: frozenset[str]
    allow_plain: bool
    make_secret: Callable[[int], bytes] = secrets.token_bytes

    async def create(
        self, *, url: str, types: Sequence[str], enabled: bool, context: CommandContext
    ) -> ShownSecret:
        """Send the tenant's events to an address from here on.

        Raises:
            InvalidValue: No address that events may be sent to, or a type that there is none of.
            WebhookEndpointLimit: The tenant has ``ENDPOINTS_MAX`` already.
            QueueUnavailable: No answer; nothing was created.
            EventStoreUnavailable: No answer; it may have been created.
        """
        self._check_url(url)
        wanted = self._types(types)
        if len(await self.records.endpoints(context.tenant_id)) >= ENDPOINTS_MAX:
            raise WebhookEndpointLimit(ENDPOINTS_MAX)
        endpoint_id = str(uuid4())
        secret = self.make_secret(SECRET_BYTES)
        command = CreateWebhookEndpoint(
            tenant_id=context.tenant_id,
            endpoint_id=endpoint_id,
            url=url,
            types=wanted,
            enabled=enabled,
            envelope=self._seal(secret, context.tenant_id, endpoint_id, version=1),
        )
        executed = await self._streams.execute(
            endpoint_id, lambda state: decide(command, state), context
        )
        return ShownSecret(executed=executed, secret=_shown(secret))

    async def change(
        self,
        endpoint_id: str,
        *,
        url: str | None,
        types: Sequence[str] | None,
        enabled: bool | None,
        context: CommandContext,
    ) -> Events:
        """Change what is given; ``None`` leaves as it is.

        Raises:
            InvalidValue: As for ``create``.
            WebhookEndpointNotFound: The tenant has none of that id.
        """
        if url is not None:
            self._check_url(url)
        wanted = None if types is None else self._types(types)
        command = ChangeWebhookEndpoint(url=url, types=wanted, enabled=enabled)
        return await self._execute(endpoint_id, command, context)

    async def rotate(
        self, endpoint_id: str, *, overlap_s: int, context: CommandContext
    ) -> ShownSecret:
        """Sign with a new secret, for so many seconds with the one before too.

        Raises:
            InvalidValue: No time, or longer than ``OVERLAP_S_MAX``.
            WebhookEndpointNotFound: The tenant has none of that id.
        """
        if not 0 <= overlap_s <= OVERLAP_S_MAX:
            raise InvalidValue(f"from 0 to {OVERLAP_S_MAX} seconds", param="overlapSeconds")
        secret = self.make_secret(SECRET_BYTES)
        until = context.at + timedelta(seconds=overlap_s)

        def decide_version(state: WebhookEndpoint | None) -> list[WebhookEndpointEvent]:
            endpoint = _of(state, context.tenant_id)
            version = endpoint.version + 1
            envelope = self._seal(secret, context.tenant_id, endpoint_id, version=version)
            command = RotateWebhookSecret(version=version, envelope=envelope, previous_until=until)
            return decide(command, endpoint)

        executed = await self._streams.execute(_checked(endpoint_id), decide_version, context)
        return ShownSecret(executed=executed, secret=_shown(secret))

    async def delete(self, endpoint_id: str, context: CommandContext) -> Events:
        """Stop sending for good; raises ``WebhookEndpointNotFound``."""
        return await self._execute(endpoint_id, DeleteWebhookEndpoint(), context)

    async def disable(
        self,
        endpoint_id: str,
        *,
        reason: str,
        failing_since: datetime | None,
        context: CommandContext,
    ) -> Events:
        """Stop sending because of how the endpoint answers; raises ``WebhookEndpointNotFound``."""
        command = DisableWebhookEndpoint(reason=reason, failing_since=failing_since)
        return await self._execute(endpoint_id, command, context)

    async def request_test(self, endpoint_id: str, context: CommandContext) -> RequestedTest:
        """Have a test event delivered, paused or not.

        Raises:
            WebhookEndpointNotFound: The tenant has none of that id.
            EventStoreUnavailable: No answer; a test may have been requested.
        """
        test_id = str(uuid4())
        executed = await self._execute(endpoint_id, RequestWebhookTest(test_id=test_id), context)
        history = await self.store.read(self._streams.stream(endpoint_id))
        event_id = next(
            recorded.event_id
            for recorded in reversed(history.events)
            if isinstance(recorded.event, WebhookTestRequestedEvent)
            and recorded.event.test_id == test_id
        )
        return RequestedTest(executed=executed, event_id=event_id)

    async def find(self, endpoint_id: str, *, tenant_id: str | None) -> WebhookEndpoint:
        """Return a tenant's endpoint, or any tenant's for ``None``.

        Raises:
            WebhookEndpointNotFound: The tenant has none of that id.
            EventStoreUnavailable: The event store gave no answer.
        """
        endpoint = _of((await self._streams.load(_checked(endpoint_id))).state, tenant_id)
        if endpoint.deleted:
            raise WebhookEndpointNotFound
        return endpoint

    async def list_of(self, tenant_id: str) -> list[tuple[WebhookEndpoint, EndpointRecord]]:
        """Return a tenant's endpoints, oldest first; raises ``QueueUnavailable``."""
        found = []
        for record in await self.records.endpoints(tenant_id):
            endpoint = (await self._streams.load(record.endpoint_id)).state
            if endpoint is not None and not endpoint.deleted:
                found.append((endpoint, record))
        return found

    def signing_secrets(self, endpoint: WebhookEndpoint, at: datetime) -> list[bytes]:
        """Return the secrets that sign at a time in clear, the newest first.

        Raises:
            SealBroken: The keys that wrapped them are lost.
            KeySourceUnavailable: Where the keys are kept gave no answer.
        """
        return [
            self.cipher.open(
                one.envelope,
                tenant_id=endpoint.tenant_id,
                endpoint_id=endpoint.endpoint_id,
                version=one.version,
            )
            for one in endpoint.signing_secrets(at)
        ]

    async def _execute(
        self, endpoint_id: str, command: WebhookEndpointCommand, context: CommandContext
    ) -> Events:
        return await self._streams.execute(
            _checked(endpoint_id),
            lambda state: decide(command, _of(state, context.tenant_id)),
            context,
        )

    def _seal(self, secret: bytes, tenant_id: str, endpoint_id: str, *, version: int) -> str:
        return self.cipher.seal(
            secret, tenant_id=tenant_id, endpoint_id=endpoint_id, version=version
        )

    def _check_url(self, url: str) -> None:
        check_web_address(url, param="url")
        if urlsplit(url).scheme != "https" and not self.allow_plain:
            raise InvalidValue("events are sent to https addresses", param="url")

    def _types(self, types: Sequence[str]) -> tuple[str, ...]:
        if len(types) > TYPES_MAX:
            raise InvalidValue(f"at most {TYPES_MAX} types", param="types")
        unknown = sorted(set(types) - self.known_types)
        if unknown:
            raise InvalidValue(
                "not a type of event that is sent; the events reference lists them", param="types"
            )
        return tuple(sorted(set(types)))

    @property
    def _streams(self) -> StreamService[WebhookEndpoint, WebhookEndpointEvent]:
        return StreamService(
            store=self.store,
            category="endpoint",
            event_types=get_args(WebhookEndpointEvent),
            evolve=evolve,
        )


def _checked(endpoint_id: str) -> str:
    """Return an id that is one; what is none names no endpoint."""
    try:
        well_formed = str(UUID(endpoint_id)) == endpoint_id
    except ValueError:
        well_formed = False
    if not well_formed:
        raise WebhookEndpointNotFound
    return endpoint_id


def _of(endpoint: WebhookEndpoint | None, tenant_id: str | None) -> WebhookEndpoint:
    """Return an endpoint if it is the tenant's; another tenant's does not exist."""
    if endpoint is None or tenant_id not in {endpoint.tenant_id, None}:
        raise WebhookEndpointNotFound
    return endpoint


def _shown(secret: bytes) -> str:
    return _PREFIX + base64.b64encode(secret).decode()
