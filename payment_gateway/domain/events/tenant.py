"""What can have happened to a tenant."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantCreatedEvent:
    """A tenant may use the gateway.

    Attributes:
        return_origins: Where payers may be sent back to: scheme, host and port.
    """

    tenant_id: str
    name: str | None
    return_origins: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantChangedEvent:
    """A tenant has another name, or other origins to send payers back to."""

    tenant_id: str
    name: str | None
    return_origins: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantSuspendedEvent:
    """The tenant's order service can command nothing for now; what is open is finished."""

    tenant_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantResumedEvent:
    """The tenant's order service can command again."""

    tenant_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantDeletedEvent:
    """The tenant's order service can command nothing any more; the id is never given again."""

    tenant_id: str


TenantEvent = (
    TenantCreatedEvent
    | TenantChangedEvent
    | TenantSuspendedEvent
    | TenantResumedEvent
    | TenantDeletedEvent
)
