"""What belongs to no tenant alone, and so is shown to callers of all tenants alone."""

from __future__ import annotations

from fastapi import Request

from payment_gateway.presentation.rest import refusals
from payment_gateway.presentation.rest.access import ANY_TENANT, AccessRefused, caller_of


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
