"""What belongs to no tenant alone, and so is shown to callers of all tenants alone."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from payment_gateway.presentation.rest import refusals
from payment_gateway.presentation.rest.access import (
    ANY_TENANT,
    AccessRefused,
    Caller,
    caller_of,
    requires,
)


def sees_all_tenants(request: Request) -> bool:
    """Whether a request's caller may see what is of any tenant."""
    return caller_of(request).tenant_id == ANY_TENANT


def check_all_tenants(request: Request) -> None:
    """Refuse a caller of one tenant.

    Raises:
        AccessRefused: 403 ``needs_all_tenants``.
    """
    if not sees_all_tenants(request):
        refusal = refusals.NEEDS_ALL_TENANTS
        raise AccessRefused(
            status=refusal.status, code=refusal.code, detail=refusal.detail or refusal.code
        )


def operator_of_all_tenants(
    request: Request, caller: Annotated[Caller, Depends(requires("operator"))]
) -> Caller:
    """Let operators of all tenants through.

    Raises:
        AccessRefused: The key speaks for one tenant alone.
    """
    check_all_tenants(request)
    return caller
