"""The Tenant aggregate: who may use the gateway, and where its payers may be sent."""

from __future__ import annotations

from dataclasses import dataclass

from payment_gateway.domain.errors import TenantExists, TenantNotFound
from payment_gateway.domain.events.tenant import (
    TenantChangedEvent,
    TenantCreatedEvent,
    TenantEvent,
)
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTenant:
    """Let a tenant use the gateway; origins are scheme, host and port."""

    tenant_id: TenantIdVO
    name: str | None
    return_origins: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTenant:
    """Give a tenant another name or other origins; ``None`` leaves as it is."""

    tenant_id: TenantIdVO
    name: str | None
    return_origins: tuple[str, ...] | None


TenantCommand = CreateTenant | ChangeTenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """The state of one tenant."""

    tenant_id: str
    name: str | None
    return_origins: tuple[str, ...]


def decide(command: TenantCommand, tenant: Tenant | None) -> list[TenantEvent]:
    """Return what a command causes: nothing where the tenant is that already.

    Raises:
        TenantExists: ``CreateTenant`` with the id of one with other properties.
        TenantNotFound: ``ChangeTenant`` of one that was never created.
    """
    match command:
        case CreateTenant():
            return _create(command, tenant)
        case ChangeTenant():
            return _change(command, tenant)


def evolve(_: Tenant | None, event: TenantEvent) -> Tenant:
    """Return the tenant after an event."""
    return Tenant(tenant_id=event.tenant_id, name=event.name, return_origins=event.return_origins)


def _create(command: CreateTenant, tenant: Tenant | None) -> list[TenantEvent]:
    if tenant is None:
        return [
            TenantCreatedEvent(
                tenant_id=command.tenant_id.value,
                name=command.name,
                return_origins=command.return_origins,
            )
        ]
    if (tenant.name, tenant.return_origins) == (command.name, command.return_origins):
        return []
    raise TenantExists(tenant.tenant_id)


def _change(command: ChangeTenant, tenant: Tenant | None) -> list[TenantEvent]:
    if tenant is None:
        raise TenantNotFound(command.tenant_id.value)
    name = tenant.name if command.name is None else command.name
    origins = tenant.return_origins if command.return_origins is None else command.return_origins
    if (name, origins) == (tenant.name, tenant.return_origins):
        return []
    return [TenantChangedEvent(tenant_id=tenant.tenant_id, name=name, return_origins=origins)]
