"""Which tenant a query is about: that of the key, or the one that a key of all tenants names.

Annotations are evaluated here, not postponed: that of the dependency names what it was given.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Query

from payment_gateway.domain.errors import InvalidValue
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO
from payment_gateway.presentation.rest.access import ANY_TENANT, Caller, check_tenant, requires

TenantNamed = Annotated[
    str | None,
    Query(alias="tenantId", description="For a key of all tenants: which one is meant."),
]


def tenant_named(caller: Caller, tenant_id: str | None) -> str:
    """Return the one tenant that a query is about.

    Raises:
        InvalidValue: A key of all tenants names none, or one that no tenant can be called.
        AccessRefused: The key does not speak for it.
    """
    named = caller.tenant_id if tenant_id is None else tenant_id
    if named == caller.tenant_id == ANY_TENANT:
        raise InvalidValue("a key of all tenants has to name one", param="tenantId")
    check_tenant(caller, named)
    return TenantIdVO(named).value


def of_one_tenant(*roles: str, or_all: bool = False) -> Callable[[Caller, str | None], Caller]:
    """Return a dependency that lets callers with one of the roles through, as of one tenant.

    With ``or_all``, a key of all tenants may name ``*``: what is about all of them.
    """
    allowed = requires(*roles)

    def check(caller: Annotated[Caller, Depends(allowed)], tenant_id: TenantNamed = None) -> Caller:
        if or_all and tenant_id == caller.tenant_id == ANY_TENANT:
            return caller
        one = tenant_named(caller, tenant_id)
        return replace(caller, tenant_id=one, named_by=caller.tenant_id)

    return check
