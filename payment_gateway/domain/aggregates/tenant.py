"""The Tenant aggregate: who may use the gateway, and where its payers may be sent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from payment_gateway.domain.errors import (
    TenantDeleted,
    TenantExists,
    TenantNotFound,
    TenantSuspended,
)
from payment_gateway.domain.events.tenant import (
    TenantChangedEvent,
    TenantCreatedEvent,
    TenantDeletedEvent,
    TenantEvent,
    TenantResumedEvent,
    TenantSuspendedEvent,
)
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO


class TenantStatus(StrEnum):
    """Whether a tenant's order service can command anything."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTenant:
    """Let a tenant use the gateway; origins are scheme, host and port."""

    tenant_id: TenantIdVO
    name: str | None
    return_origins: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTenant:
    """Give a tenant another name or other origins, suspend or resume it; ``None`` leaves as it is."""

    tenant_id: TenantIdVO
    name: str | None = None
    return_origins: tuple[str, ...] | None = None
    suspended: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTenant:
    """Let a tenant command nothing any more."""

    tenant_id: TenantIdVO


TenantCommand = CreateTenant | ChangeTenant | DeleteTenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """The state of one tenant."""

    tenant_id: str
    name: str | None
    return_origins: tuple[str, ...]
    status: TenantStatus = TenantStatus.ACTIVE

    def check_active(self) -> None:
        """Refuse what only an active tenant may have done.

        Raises:
            TenantSuspended: It is suspended.
            TenantDeleted: It is deleted.
        """
        match self.status:
            case TenantStatus.SUSPENDED:
                raise TenantSuspended(self.tenant_id)
            case TenantStatus.DELETED:
                raise TenantDeleted(self.tenant_id)
            case TenantStatus.ACTIVE:
                return


def decide(command: TenantCommand, tenant: Tenant | None) -> list[TenantEvent]:
    """Return what a command causes: nothing where the tenant is that already.

    Raises:
        TenantExists: ``CreateTenant`` with the id of one with other properties, or a deleted one's.
        TenantNotFound: Any other command on one that was never created.
        TenantDeleted: ``ChangeTenant`` of one that was deleted.
    """
    match command:
        case CreateTenant():
            return _create(command, tenant)
        case _ if tenant is None:
            raise TenantNotFound(command.tenant_id.value)
        case ChangeTenant():
            return _change(command, tenant)
        case DeleteTenant():
            if tenant.status is TenantStatus.DELETED:
                return []
            return [TenantDeletedEvent(tenant_id=tenant.tenant_id)]


def evolve(tenant: Tenant | None, event: TenantEvent) -> Tenant:
    """Return the tenant after an event."""
    match event:
        case TenantCreatedEvent():
            return Tenant(
                tenant_id=event.tenant_id, name=event.name, return_origins=event.return_origins
            )
        case _:
            assert tenant is not None, "it was created before anything else happened to it"
    match event:
        case TenantChangedEvent():
            return replace(tenant, name=event.name, return_origins=event.return_origins)
        case TenantSuspendedEvent():
            return replace(tenant, status=TenantStatus.SUSPENDED)
        case TenantResumedEvent():
            return replace(tenant, status=TenantStatus.ACTIVE)
        case TenantDeletedEvent():
            return replace(tenant, status=TenantStatus.DELETED)


def _create(command: CreateTenant, tenant: Tenant | None) -> list[TenantEvent]:
    if tenant is None:
        return [
            TenantCreatedEvent(
                tenant_id=command.tenant_id.value,
                name=command.name,
                return_origins=command.return_origins,
            )
        ]
    same = (tenant.name, tenant.return_origins) == (command.name, command.return_origins)
    if same and tenant.status is not TenantStatus.DELETED:
        return []
    raise TenantExists(tenant.tenant_id)


def _change(command: ChangeTenant, tenant: Tenant) -> list[TenantEvent]:
    if tenant.status is TenantStatus.DELETED:
        raise TenantDeleted(tenant.tenant_id)
    events: list[TenantEvent] = []
    name = tenant.name if command.name is None else command.name
    origins = tenant.return_origins if command.return_origins is None else command.return_origins
    if (name, origins) != (tenant.name, tenant.return_origins):
        events.append(
            TenantChangedEvent(tenant_id=tenant.tenant_id, name=name, return_origins=origins)
        )
    is_suspended = tenant.status is TenantStatus.SUSPENDED
    if command.suspended is True and not is_suspended:
        events.append(TenantSuspendedEvent(tenant_id=tenant.tenant_id))
    if command.suspended is False and is_suspended:
        events.append(TenantResumedEvent(tenant_id=tenant.tenant_id))
    return events
