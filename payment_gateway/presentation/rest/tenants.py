"""Creating and changing tenants, and looking at one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from payment_gateway.application.services.stream_service import Executed
from payment_gateway.domain.aggregates.tenant import Tenant
from payment_gateway.domain.events.tenant import TenantEvent
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO
from payment_gateway.presentation.rest.access import Caller, check_tenant, requires
from payment_gateway.presentation.rest.command_context import (
    CommandSide,
    command_side_of,
    context_of,
    stamp,
)
from payment_gateway.presentation.rest.idempotency import idempotent
from payment_gateway.presentation.rest.json_body import ExactJsonRoute
from payment_gateway.presentation.rest.schemas import (
    ChangeTenantBody,
    TenantAnswer,
    TenantBody,
)

router = APIRouter(prefix="/api/v1/tenants", tags=["tenants"], route_class=ExactJsonRoute)
Admin = Annotated[Caller, Depends(requires("admin"))]
Side = Annotated[CommandSide, Depends(command_side_of)]


@router.post("", status_code=201)
@idempotent
async def create(
    body: TenantBody, request: Request, response: Response, caller: Admin, side: Side
) -> TenantAnswer:
    """Let a tenant use the gateway; the same again changes nothing."""
    tenant_id = TenantIdVO(body.tenant_id)
    context = context_of(request, caller, body.tenant_id, side)
    executed = await side.gateway.tenants.create(
        tenant_id, name=body.name, return_urls=tuple(body.return_urls), context=context
    )
    _stamp(response, side, executed)
    return _answer(executed.state)


@router.get("/{tenant_id}")
async def show(tenant_id: str, caller: Admin, side: Side) -> TenantAnswer:
    """Return a tenant."""
    check_tenant(caller, tenant_id)
    return _answer(await side.gateway.tenants.find(TenantIdVO(tenant_id).value))


@router.patch("/{tenant_id}")
@idempotent
async def change(
    *,
    tenant_id: str,
    body: ChangeTenantBody,
    request: Request,
    response: Response,
    caller: Admin,
    side: Side,
) -> TenantAnswer:
    """Give a tenant another name or other return URLs; what is left out stays as it is."""
    context = context_of(request, caller, tenant_id, side)
    executed = await side.gateway.tenants.change(
        TenantIdVO(tenant_id),
        name=body.name,
        return_urls=None if body.return_urls is None else tuple(body.return_urls),
        context=context,
    )
    _stamp(response, side, executed)
    return _answer(executed.state)


def _answer(tenant: Tenant) -> TenantAnswer:
    return TenantAnswer(
        tenant_id=tenant.tenant_id, name=tenant.name, return_urls=list(tenant.return_origins)
    )


def _stamp(response: Response, side: CommandSide, executed: Executed[Tenant, TenantEvent]) -> None:
    stamp(
        response,
        side,
        executed.state.tenant_id,
        revision=executed.revision,
        position=executed.position,
    )
