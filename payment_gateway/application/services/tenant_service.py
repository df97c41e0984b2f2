"""Who may use the gateway, and where its payers may be sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from payment_gateway.application.ports import CommandContext, EventStore
from payment_gateway.application.services.stream_service import Executed, StreamService
from payment_gateway.domain.aggregates.tenant import (
    ChangeTenant,
    CreateTenant,
    Tenant,
    TenantCommand,
    decide,
    evolve,
)
from payment_gateway.domain.errors import InvalidValue, ReturnUrlNotAllowed, TenantNotFound
from payment_gateway.domain.events.tenant import (
    TenantChangedEvent,
    TenantCreatedEvent,
    TenantEvent,
)
from payment_gateway.domain.value_objects.payment_details import check_web_address
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO

CACHE_S: Final = 5.0
CACHE_MAX: Final = 10_000
RETURN_URLS_MAX: Final = 20
NAME_LENGTH_MAX: Final = 200
_DEFAULT_PORT: Final = {"http": 80, "https": 443}


@dataclass(slots=True)
class TenantService:
    """Creates tenants and knows what they allow."""

    store: EventStore
    monotonic: Callable[[], float]
    _cache: dict[str, tuple[float, Tenant]] = field(default_factory=dict)

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
            TenantExists: There is one of that id with other properties.
        """
        command = CreateTenant(tenant_id=tenant_id, name=name, return_origins=_origins(return_urls))
        return await self._execute(command, context)

    async def change(
        self,
        tenant_id: TenantIdVO,
        *,
        name: str | None,
        return_urls: tuple[str, ...] | None,
        context: CommandContext,
    ) -> Executed[Tenant, TenantEvent]:
        """Give a tenant another name or other return URLs; ``None`` leaves as it is.

        Raises:
            InvalidValue: A return URL that is no web address, or too many of them.
            TenantNotFound: There is none of that id.
        """
        origins = None if return_urls is None else _origins(return_urls)
        command = ChangeTenant(tenant_id=tenant_id, name=name, return_origins=origins)
        return await self._execute(command, context)

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
        tenant = (await self._streams.load(tenant_id)).state
        if tenant is None:
            raise TenantNotFound(tenant_id)
        if len(self._cache) >= CACHE_MAX:
            self._cache.clear()
        self._cache[tenant_id] = (now + CACHE_S, tenant)
        return tenant

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
        self._cache.pop(key, None)
        return executed

    @property
    def _streams(self) -> StreamService[Tenant, TenantEvent]:
        return StreamService(
            store=self.store,
            category="tenant",
            event_types=(TenantCreatedEvent, TenantChangedEvent),
            evolve=evolve,
        )


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
