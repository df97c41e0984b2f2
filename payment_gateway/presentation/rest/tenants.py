"""Creating, changing, suspending and deleting tenants, and looking at them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from payment_gateway.application.services.stream_service import Executed
from payment_gateway.domain.aggregates.tenant import Tenant
from payment_gateway.domain.events.tenant import TenantEvent
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO
from payment_gateway.presentation.rest.access import Caller, check_tenant, requires
from payment_gateway.presentation.rest.administration import (
    Cursor,
    Reason,
    administration_context,
    decode_after,
    encode_after,
)
from payment_gateway.presentation.rest.command_context import (
    CommandSide,
    command_side_of,
    stamp,
)
from payment_gateway.presentation.rest.idempotency import idempotent
from payment_gateway.presentation.rest.json_body import ExactJsonRoute
from payment_gateway.presentation.rest.limits import (
    PAGE_SIZE_DEFAULT,
    PAGE_SIZE_MAX,
)
from payment_gateway.presentation.rest.read_your_writes import Asking
from payment_gateway.presentation.rest.schemas import (
    ChangeTenantBody,
    TenantAnswer,
    TenantBody,
    TenantPage,
)

router = APIRouter(prefix="/api/v1/tenants", tags=["tenants"], route_class=ExactJsonRoute)
Admin = Annotated[Caller, Depends(requires("admin"))]
Reader = Annotated[Caller, Depends(requires("admin", "auditor"))]
Side = Annotated[CommandSide, Depends(command_side_of)]


@router.post("", status_code=201)
@idempotent
async def create(
    body: TenantBody, request: Request, response: Response, caller: Admin, side: Side
) -> TenantAnswer:
    """Let a tenant use the gateway; the same again changes nothing."""
    tenant_id = TenantIdVO(body.tenant_id)
    context = administration_context(request, caller, body.tenant_id, side, reason=body.reason)
    executed = await side.gateway.tenants.create(
        tenant_id, name=body.name, return_urls=tuple(body.return_urls), context=context
    )
    _stamp(response, side, executed)
    return _answer(executed.state)


@router.get("")
async def list_(
    *,
    caller: Reader,
    side: Side,
    asked: Asking,
    limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE_DEFAULT,
    cursor: Cursor = None,
) -> TenantPage:
    """List the tenants that the caller speaks for, by id; deleted ones too."""
    after = decode_after(cursor)
    await asked.shown_by(side.known_access, tenant_id=caller.tenant_id)
    left = [
        tenant
        for tenant in side.gateway.tenants.every()
        if caller.may_act_for(tenant.tenant_id) and tenant.tenant_id > after
    ]
    page = left[:limit]
    more = len(left) > limit
    return TenantPage(
        data=[_answer(tenant) for tenant in page],
        next_cursor=encode_after(page[-1].tenant_id) if more else None,
    )


@router.get("/{tenant_id}")
async def show(
    tenant_id: str, response: Response, caller: Reader, side: Side, _: Asking
) -> TenantAnswer:
    """Return a tenant, as the event store has it."""
    check_tenant(caller, tenant_id)
    loaded = await side.gateway.tenants.load(TenantIdVO(tenant_id).value)
    assert loaded.state is not None, "it was found"
    assert loaded.revision is not None, "and has a revision"
    where = {"revision": loaded.revision, "position": loaded.position}
    stamp(response, side, tenant_id, **where)
    return _answer(loaded.state)


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
    """Give a tenant another name or return URLs, suspend or resume it; what is left out stays."""
    context = administration_context(request, caller, tenant_id, side, reason=body.reason)
    executed = await side.gateway.tenants.change(
        TenantIdVO(tenant_id),
        name=body.name,
        return_urls=None if body.return_urls is None else tuple(body.return_urls),
        suspended=None if body.status is None else body.status == "SUSPENDED",
        context=context,
    )
    _stamp(response, side, executed)
    return _answer(executed.state)


@router.delete("/{tenant_id}")
@idempotent
async def delete(
    *,
    tenant_id: str,
    request: Request,
    response: Response,
    caller: Admin,
    side: Side,
    reason: Reason = None,
) -> TenantAnswer:
    """Take no more commands of a tenant; what is open is finished, and what was can be queried."""
    context = administration_context(request, caller, tenant_id, side, reason=reason)
    executed = await side.gateway.tenants.delete(TenantIdVO(tenant_id), context)
    _stamp(response, side, executed)
    return _answer(executed.state)


def _answer(tenant: Tenant) -> TenantAnswer:
    return TenantAnswer(
        tenant_id=tenant.tenant_id,
        name=tenant.name,
        return_urls=list(tenant.return_origins),
        status=tenant.status.value,
    )


def _stamp(response: Response, side: CommandSide, executed: Executed[Tenant, TenantEvent]) -> None:
    stamp(
        response,
        side,
        executed.state.tenant_id,
        revision=executed.revision,
        position=executed.position,
    )
