"""Who did what, when and why."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from payment_gateway.dashboard.rendering import page
from payment_gateway.dashboard.visitor import ROOT, Visitor, visitor_of
from payment_gateway.presentation.in_process import ApiRefused
from payment_gateway.presentation.rest.access import ANY_TENANT

router = APIRouter(prefix=ROOT, include_in_schema=False)

Text = Annotated[str | None, Query(max_length=255)]


@router.get("/audit", response_model=None)
async def audit(
    *,
    visitor: Annotated[Visitor, Depends(visitor_of)],
    tenant: Text = None,
    actor: Text = None,
    type_: Annotated[Text, Query(alias="type")] = None,
    from_: Annotated[Text, Query(alias="from")] = None,
    to: Text = None,
    cursor: Annotated[str | None, Query(max_length=1_000)] = None,
) -> Response:
    """List entries, newest first; of all tenants together where a visitor of all names none."""
    wanted = {"actor": actor, "type": type_, "from": from_, "to": to}
    named = {} if visitor.has_tenant else {"tenantId": tenant or ANY_TENANT}
    found: dict[str, Any] = {"data": [], "nextCursor": None}
    refused: ApiRefused | None = None
    try:
        found = await visitor.api.get("/audit", cursor=cursor, **named, **wanted)
    except ApiRefused as refusal:
        if refusal.status != 422:
            raise
        refused = refusal
    return page(
        "audit.html",
        visitor,
        title="Audit log",
        entries=found["data"],
        next_cursor=found["nextCursor"],
        wanted={"tenant": tenant or "", **{name: value or "" for name, value in wanted.items()}},
        refused=refused,
        code=422 if refused else 200,
    )
