"""The Tenant aggregate: who may use the gateway, and where its payers may be sent."""

from __future__ import annotations

from dataclasses import dataclass

from payment_gateway.domain.errors import TenantExists
from payment_gateway.domain.events.tenant import TenantCreatedEvent, TenantEvent
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTenant:
    """Let a tenant use the gateway; origins are scheme, host and port."""

    tenant_id: TenantIdVO
    name: str | None
    return_origins: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """The state of one tenant."""

    tenant_id: str
    name: str | None
    return_origins: tuple[str, ...]


def decide(command: CreateTenant, tenant: Tenant | None) -> list[TenantEvent]:
    """Return what creating causes: nothing where the same tenant is there already.

    Raises:
        TenantExists: There is one of that id with other properties.
    """
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


def evolve(_: Tenant | None, event: TenantEvent) -> Tenant:
    """Return the tenant after an event."""
    return Tenant(tenant_id=event.tenant_id, name=event.name, return_origins=event.return_origins)
