"""What somebody may do, and for whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from payment_gateway.domain.errors import InvalidValue
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO

ANY_TENANT: Final = "*"


class RoleVO(StrEnum):
    """What a key or a person is for; which calls each may make is ``access_rules``' to say."""

    ORDER_SERVICE = "order-service"
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    AUDITOR = "auditor"


# Those that may be held for all tenants at once. Money moves, and is looked at, for one tenant only.
OF_ANY_TENANT: Final = frozenset({RoleVO.OPERATOR, RoleVO.ADMIN, RoleVO.AUDITOR})


@dataclass(frozen=True, slots=True)
class GrantVO:
    """One or more roles for one tenant, or for all of them (``*``).

    Raises:
        InvalidValue: No role, no tenant id, or a role that cannot be held for all tenants.
    """

    tenant_id: str
    roles: frozenset[RoleVO]

    def __post_init__(self) -> None:
        if not self.roles:
            raise InvalidValue("at least one role", param="roles")
        if self.tenant_id != ANY_TENANT:
            TenantIdVO(self.tenant_id)
        elif narrow := sorted(self.roles - OF_ANY_TENANT):
            raise InvalidValue(
                f"{' and '.join(narrow)} cannot be held for all tenants; name one", param="roles"
            )

    @classmethod
    def parse(cls, tenant_id: str, roles: Iterable[str]) -> GrantVO:
        """Return the grant that these texts name; raises ``InvalidValue`` as well for no role."""
        try:
            return cls(tenant_id, frozenset(RoleVO(role) for role in roles))
        except ValueError as error:
            known = ", ".join(RoleVO)
            raise InvalidValue(f"a role is one of {known}", param="roles") from error

    @property
    def role_names(self) -> tuple[str, ...]:
        """The roles as they are stored: in order of their names."""
        return tuple(sorted(self.roles))
