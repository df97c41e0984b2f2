"""Keeps the addresses that tenants' events are sent to, and the secrets that sign them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, get_args
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from payment_gateway.application.ports import CommandContext, EventStore
from payment_gateway.application.services.stream_service import (
    Executed,
    Loaded,
    StreamService,
    matching,
)
from payment_gateway.application.webhook_deliveries import EndpointRecord, WebhookDeliveryRecords
from payment_gateway.application.webhook_secrets import (
    SECRET_BYTES,
    WebhookSecretCipher,
    rotation,
    shown,
    signing_secrets,
)
from payment_gateway.domain.aggregates.webhook_endpoint import (
    ChangeWebhookEndpoint,
    CreateWebhookEndpoint,
    DeleteWebhookEndpoint,
    DisableWebhookEndpoint,
    RequestWebhookTest,
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

Events = Executed[WebhookEndpoint, WebhookEndpointEvent]


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
        self,
        *,
        url: str,
        types: Sequence[str],
        enabled: bool,
        context: CommandContext,
        endpoint_id: str | None = None,
    ) -> ShownSecret:
        """Send the tenant's events to an address from here on.

        Args:
            url: The address.
            types: Stored names of the events that are wanted; empty for all.
            enabled: Whether it begins at once.
            context: Who wants that, and whose events.
            endpoint_id: Its id, the same each time that the same command is carried out; ``None`` for a new
                one. Where the endpoint is there already, its secret was never shown, and is replaced.

        Raises:
            InvalidValue: No address that events may be sent to, or a type that there is none of.
            WebhookEndpointLimit: The tenant has ``ENDPOINTS_MAX`` already.
            QueueUnavailable: No answer; nothing was created.
            EventStoreUnavailable: No answer; it may have been created.
        """
        self._check_url(url)
        wanted = self._types(types)
        made_id = endpoint_id or str(uuid4())
        others = [
            one
            for one in await self.records.endpoints(context.tenant_id)
            if one.endpoint_id != made_id
        ]
        if len(others) >= ENDPOINTS_MAX:
            raise WebhookEndpointLimit(ENDPOINTS_MAX)
        secret = self.make_secret(SECRET_BYTES)
        create = CreateWebhookEndpoint(
            tenant_id=context.tenant_id,
            endpoint_id=made_id,
            url=url,
            types=wanted,
            enabled=enabled,
            envelope=self.cipher.seal(
                secret, tenant_id=context.tenant_id, endpoint_id=made_id, version=1
            ),
        )

        def decide_once(state: WebhookEndpoint | None) -> list[WebhookEndpointEvent]:
            if state is None:
                return decide(create, None)
            endpoint = _of(state, context.tenant_id)
            return decide(rotation(secret, endpoint, context.at, self.cipher), endpoint)

        executed = await self._streams.execute(made_id, decide_once, context)
        return ShownSecret(executed=executed, secret=shown(secret))

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
            PreconditionFailed: It is at none of the revisions that the caller names.
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
            PreconditionFailed: It is at none of the revisions that the caller names.
        """
        if not 0 <= overlap_s <= OVERLAP_S_MAX:
            raise InvalidValue(f"from 0 to {OVERLAP_S_MAX} seconds", param="overlapSeconds")
        secret = self.make_secret(SECRET_BYTES)
        until = context.at + timedelta(seconds=overlap_s)

        def decide_version(state: WebhookEndpoint | None) -> list[WebhookEndpointEvent]:
            endpoint = _of(state, context.tenant_id)
            return decide(rotation(secret, endpoint, until, self.cipher), endpoint)

        loaded = await self._load_matching(endpoint_id, context)
        executed = await self._streams.execute(endpoint_id, decide_version, context, after=loaded)
        return ShownSecret(executed=executed, secret=shown(secret))

    async def delete(self, endpoint_id: str, context: CommandContext) -> Events:
        """Stop sending for good; raises ``WebhookEndpointNotFound``, ``PreconditionFailed``."""
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

    async def request_test(
        self, endpoint_id: str, context: CommandContext, *, test_id: str | None = None
    ) -> RequestedTest:
        """Have a test event delivered, paused or not.

        Args:
            endpoint_id: To which endpoint.
            context: Who asks for it.
            test_id: The same each time that the same test is requested; ``None`` for a new one.

        Raises:
            WebhookEndpointNotFound: The tenant has none of that id.
            PreconditionFailed: It is at none of the revisions that the caller names.
            EventStoreUnavailable: No answer; a test may have been requested.
        """
        command = RequestWebhookTest(test_id=test_id or str(uuid4()))
        loaded = await self._load_matching(endpoint_id, context)
        before = await self._test_event(endpoint_id, command.test_id)

        def decide_once(state: WebhookEndpoint | None) -> list[WebhookEndpointEvent]:
            endpoint = _of(state, context.tenant_id)
            return decide(command, endpoint) if before is None else []

        executed = await self._streams.execute(endpoint_id, decide_once, context, after=loaded)
        event_id = before or await self._test_event(endpoint_id, command.test_id)
        assert event_id is not None, "it was just requested"
        return RequestedTest(executed=executed, event_id=event_id)

    async def find(self, endpoint_id: str, *, tenant_id: str | None) -> WebhookEndpoint:
        """Return a tenant's endpoint, or any tenant's for ``None``.

        Raises:
            WebhookEndpointNotFound: The tenant has none of that id.
            EventStoreUnavailable: The event store gave no answer.
        """
        return (await self.load(endpoint_id, tenant_id=tenant_id))[0]

    async def load(self, endpoint_id: str, *, tenant_id: str | None) -> tuple[WebhookEndpoint, int]:
        """Return a tenant's endpoint and its revision; raises as ``find`` does."""
        loaded = await self._streams.load(_checked(endpoint_id))
        endpoint = _of(loaded.state, tenant_id)
        if endpoint.deleted:
            raise WebhookEndpointNotFound
        assert loaded.revision is not None, "what is there has a revision"
        return endpoint, loaded.revision

    async def check_revision(self, endpoint_id: str, context: CommandContext) -> None:
        """Refuse what is meant for another revision of an endpoint.

        Raises:
            WebhookEndpointNotFound: The tenant has none of that id.
            PreconditionFailed: It is at none of the revisions that the caller names.
        """
        await self._load_matching(endpoint_id, context)

    async def list_of(self, tenant_id: str) -> list[tuple[WebhookEndpoint, EndpointRecord]]:
        """Return a tenant's endpoints, oldest first; raises ``QueueUnavailable``."""
        found = []
        for record in await self.records.endpoints(tenant_id):
            endpoint = (await self._streams.load(record.endpoint_id)).state
            if endpoint is not None and not endpoint.deleted:
                found.append((endpoint, record))
        return found

    def signing_secrets(self, endpoint: WebhookEndpoint, at: datetime) -> list[bytes]:
        """Return the secrets that sign at a time; see ``webhook_secrets``."""
        return signing_secrets(endpoint, at, self.cipher)

    async def _execute(
        self, endpoint_id: str, command: WebhookEndpointCommand, context: CommandContext
    ) -> Events:
        return await self._streams.execute(
            endpoint_id,
            lambda state: decide(command, _of(state, context.tenant_id)),
            context,
            after=await self._load_matching(endpoint_id, context),
        )

    async def _load_matching(
        self, endpoint_id: str, context: CommandContext
    ) -> Loaded[WebhookEndpoint]:
        """Return where an endpoint stands, pinned where the caller names a revision of it."""
        loaded = await self._streams.load(_checked(endpoint_id))
        _of(loaded.state, context.tenant_id)
        return matching(loaded, context)

    async def _test_event(self, endpoint_id: str, test_id: str) -> str | None:
        history = await self.store.read(self._streams.stream(endpoint_id))
        for recorded in reversed(history.events):
            event = recorded.event
            if isinstance(event, WebhookTestRequestedEvent) and event.test_id == test_id:
                return recorded.event_id
        return None

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
