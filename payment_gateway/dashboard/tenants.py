"""Tenants: which there are, letting one in, suspending it and having it go on."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import Response

from payment_gateway.dashboard.rendering import page
from payment_gateway.dashboard.visitor import (
    ROOT,
    Doors,
    Visitor,
    back_to,
    doors_of,
    segment,
    sender_of,
    visitor_of,
)
from payment_gateway.presentation.in_process import ApiRefused

router = APIRouter(prefix=f"{ROOT}/tenants", include_in_schema=False)

LIST: Final = "/tenants"

Sender = Annotated[Visitor, Depends(sender_of)]
Open = Annotated[Doors, Depends(doors_of)]
Key = Annotated[str, Form(alias="idempotencyKey", min_length=1, max_length=255)]
Text = Annotated[str, Form(max_length=2_000)]


class Step(StrEnum):
    """What may be done about a tenant."""

    SUSPEND = "suspend"
    RESUME = "resume"


STATUS: Final = {Step.SUSPEND: "SUSPENDED", Step.RESUME: "ACTIVE"}


@router.get("", response_model=None)
async def tenants(
    visitor: Annotated[Visitor, Depends(visitor_of)],
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """List the tenants that the visitor speaks for."""
    found = await visitor.api.get("/tenants", cursor=cursor)
    return page(
        "tenants.html",
        visitor,
        title="Tenants",
        tenants=found["data"],
        next_cursor=found["nextCursor"],
    )


@router.post("", response_model=None)
async def create(
    *,
    visitor: Sender,
    doors: Open,
    key: Key,
    tenant: Text,
    name: Text = "",
    return_urls: Annotated[str, Form(alias="returnUrls", max_length=2_000)] = "",
) -> Response:
    """Let a tenant use the gateway."""
    body: dict[str, Any] = {"tenantId": tenant, "returnUrls": return_urls.split()}
    if name:
        body["name"] = name
    try:
        await visitor.api.post("/tenants", body, idempotency_key=key)
    except ApiRefused as refusal:
        return back_to(LIST, refusal.told, doors, is_refusal=True)
    return back_to(LIST, f"{tenant} may use the gateway.", doors)


@router.post("/{tenant_id}/{step}", response_model=None)
async def take(
    *, tenant_id: str, step: Step, visitor: Sender, doors: Open, key: Key, reason: Text = ""
) -> Response:
    """Suspend a tenant, or have it go on."""
    body = {"status": STATUS[step], **({"reason": reason} if reason else {})}
    try:
        done = await visitor.api.patch(f"/tenants/{segment(tenant_id)}", body, idempotency_key=key)
    except ApiRefused as refusal:
        return back_to(LIST, refusal.told, doors, is_refusal=True)
    return back_to(LIST, f"{tenant_id} is {done.body['status'].lower()} now.", doors)
