"""Who may use the gateway, and where its payers may be sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from payment_gateway.application.ports import CommandContext, EventStore, RecordedEvent
from payment_gateway.application.services.folded_streams import FoldedStreams
from payment_gateway.application.services.stream_service import Executed, Loaded, StreamService
from payment_gateway.domain.aggregates.tenant import (
    ChangeTenant,
    CreateTenant,
    DeleteTenant,
    Tenant,
    TenantCommand,
    decide,
    evolve,
)
from payment_gateway.domain.errors import InvalidValue, ReturnUrlNotAllowed, TenantNotFound
from payment_gateway.domain.events.tenant import (
    TenantChangedEvent,
    TenantCreatedEvent,
    TenantDeletedEvent,
    TenantEvent,
    TenantResumedEvent,
    TenantSuspendedEvent,
)
from payment_gateway.domain.value_objects.payment_details import check_web_address
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO

CACHE_S: Final = 5.0
CACHE_MAX: Final = 10_000
RETURN_URLS_MAX: Final = 20
NAME_LENGTH_MAX: Final = 200
CATEGORY: Final = "tenant"
EVENTS: Final = (
    TenantCreatedEvent,
    TenantChangedEvent,
    TenantSuspendedEvent,
    TenantResumedEvent,
    TenantDeletedEvent,
)
_DEFAULT_PORT: Final = {"http": 80, "https": 443}


def _folded() -> FoldedStreams[Tenant, TenantEvent]:
    return FoldedStreams(CATEGORY, EVENTS, evolve)


@dataclass(slots=True)
class TenantService:
    """Creates and changes tenants, and knows what they allow.

    A process that hands over what the log says of tenants (``note``) knows a change at once; any
    other goes on with what it read for ``CACHE_S``.
    """

    store: EventStore
    monotonic: Callable[[], float]
    _cache: dict[str, tuple[float, Tenant]] = field(default_factory=dict)
    _every: FoldedStreams[Tenant, TenantEvent] = field(default_factory=_folded)

    async def create(
        self,
        tenant_id: TenantIdVO,
        *,
        name: str | None,
        return_urls: tuple[str, ...],
        context: CommandContext,
    ) -> Executed[Tenant, TenantEvent]:
        """Let a tenant use the gateway; the same again changes nothing.

        Raises:
            InvalidValue: A return URL that is no web address, or too many of them.
            TenantExists: There is one of that id with other properties, or there was.
        """
        command = CreateTenant(tenant_id=tenant_id, name=name, return_origins=_origins(return_urls))
        return await self._execute(command, context)

    async def change(
        self,
        tenant_id: TenantIdVO,
        *,
        name: str | None = None,
        return_urls: tuple[str, ...] | None = None,
        suspended: bool | None = None,
        context: CommandContext,
    ) -> Executed[Tenant, TenantEvent]:
        """Give a tenant another name or other return URLs, suspend or resume it.

        ``None`` leaves as it is.

        Raises:
            InvalidValue: A return URL that is no web address, or too many of them.
            TenantNotFound: There is none of that id.
            TenantDeleted: It is deleted.
        """
        origins = None if return_urls is None else _origins(return_urls)
        command = ChangeTenant(
            tenant_id=tenant_id, name=name, return_origins=origins, suspended=suspended
        )
        return await self._execute(command, context)

    async def delete(
        self, tenant_id: TenantIdVO, context: CommandContext
    ) -> Executed[Tenant, TenantEvent]:
        """Let a tenant command nothing any more; what is open is finished, what was is kept.

        Raises:
            TenantNotFound: There is none of that id.
        """
        return await self._execute(DeleteTenant(tenant_id=tenant_id), context)

    async def find(self, tenant_id: str) -> Tenant:
        """Return a tenant.

        Raises:
            TenantNotFound: There is none of that id.
            EventStoreUnavailable: The event store gave no answer.
        """
        now = self.monotonic()
        cached = self._cache.get(tenant_id)
        if cached and cached[0] > now:
            return cached[1]
        state = (await self.load(tenant_id)).state
        assert state is not None, "it was found"
        if len(self._cache) >= CACHE_MAX:
            self._cache.clear()
        self._cache[tenant_id] = (now + CACHE_S, state)
        return state

    async def load(self, tenant_id: str) -> Loaded[Tenant]:
        """Return a tenant as the log has it now; raises as ``find`` does."""
        loaded = await self._streams.load(tenant_id)
        if loaded.state is None:
            raise TenantNotFound(tenant_id)
        return loaded

    async def find_active(self, tenant_id: str) -> Tenant:
        """Return a tenant that may command something.

        Raises:
            TenantNotFound: There is none of that id.
            TenantSuspended: It is suspended.
            TenantDeleted: It is deleted.
            EventStoreUnavailable: The event store gave no answer.
        """
        tenant = await self.find(tenant_id)
        tenant.check_active()
        return tenant

    def note(self, recorded: RecordedEvent) -> None:
        """Take what the log says; of a tenant it is known from now on."""
        if changed := self._every.apply(recorded):
            self._cache.pop(changed[0], None)

    def every(self) -> list[Tenant]:
        """Return all tenants that ``note`` was told of, by id; deleted ones too."""
        return [tenant for _, tenant in self._every.items()]

    async def _execute(
        self, command: TenantCommand, context: CommandContext
    ) -> Executed[Tenant, TenantEvent]:
        key = command.tenant_id.value
        streams = self._streams
        executed = await streams.execute(
            key,
            lambda tenant: decide(command, tenant),
            context,
            after=await streams.load_matching(key, context),
        )
        self._every.put(key, executed.state, executed.revision)
        self._cache.pop(key, None)
        return executed

    @property
    def _streams(self) -> StreamService[Tenant, TenantEvent]:
        return StreamService(store=self.store, category=CATEGORY, event_types=EVENTS, evolve=evolve)


def origin(url: str) -> str:
    """Return scheme, host and port of a web address, spelled one way."""
    parts = urlsplit(url)
    port = parts.port or _DEFAULT_PORT[parts.scheme]
    return f"{parts.scheme}://{parts.hostname}:{port}"


def _origins(return_urls: tuple[str, ...]) -> tuple[str, ...]:
    if len(return_urls) > RETURN_URLS_MAX:
        raise InvalidValue(f"at most {RETURN_URLS_MAX} return URLs", param="returnUrls")
    for url in return_urls:
        check_web_address(url, param="returnUrls")
    return tuple(sorted({origin(url) for url in return_urls}))


def check_return_url(url: str | None, tenant: Tenant, *, param: str) -> None:
    """Refuse to send a payer where the tenant has not said they may be sent.

    Raises:
        InvalidValue: No web address.
        ReturnUrlNotAllowed: Its origin is not among the tenant's.
    """
    if url is None:
        return
    check_web_address(url, param=param)
    if origin(url) not in tenant.return_origins:
        raise ReturnUrlNotAllowed(param)
