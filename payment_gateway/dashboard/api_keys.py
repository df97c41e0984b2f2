"""API keys: which there are, making, replacing and withdrawing them. A secret is shown once, on the page after."""

from __future__ import annotations

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
from payment_gateway.domain.value_objects.grant import ANY_TENANT, OF_ANY_TENANT, RoleVO
from payment_gateway.presentation.in_process import ApiRefused

router = APIRouter(prefix=f"{ROOT}/api-keys", include_in_schema=False)

LIST: Final = "/api-keys"
# How long the secret before is accepted as well, in seconds, as the form offers it.
OVERLAPS: Final = (
    ("0", "not at all"),
    ("3600", "an hour"),
    ("86400", "a day"),
    ("604800", "a week"),
)

Sender = Annotated[Visitor, Depends(sender_of)]
Open = Annotated[Doors, Depends(doors_of)]
Key = Annotated[str, Form(alias="idempotencyKey", min_length=1, max_length=255)]
Text = Annotated[str, Form(max_length=500)]


@router.get("", response_model=None)
async def api_keys(
    visitor: Annotated[Visitor, Depends(visitor_of)],
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """List the keys of the visitor's tenant, of all where they are of all."""
    found = await visitor.api.get("/apikeys", cursor=cursor)
    return page(
        "api_keys.html",
        visitor,
        title="API keys",
        keys=found["data"],
        next_cursor=found["nextCursor"],
        roles=[role.value for role in RoleVO],
        of_any_tenant=sorted(role.value for role in OF_ANY_TENANT),
        any_tenant=ANY_TENANT,
        overlaps=OVERLAPS,
    )


@router.post("", response_model=None)
async def create(
    *,
    visitor: Sender,
    doors: Open,
    key: Key,
    roles: Annotated[tuple[str, ...], Form(max_length=10)] = (),
    tenant: Text = "",
    name: Text = "",
    reason: Text = "",
) -> Response:
    """Make a key, and show it."""
    named = visitor.caller.tenant_id if visitor.has_tenant else tenant
    given = {"name": name, "reason": reason}
    body: dict[str, Any] = {name: value for name, value in given.items() if value}
    whole = {"tenantId": named, "roles": list(roles), **body}
    return await _issued("/apikeys", whole, visitor=visitor, doors=doors, key=key)


@router.post("/{key_id}/rotate", response_model=None)
async def rotate(
    *,
    key_id: str,
    visitor: Sender,
    doors: Open,
    key: Key,
    overlap: Annotated[int, Form(alias="overlapSeconds")],
) -> Response:
    """Give a key another secret, and show it."""
    path = f"/apikeys/{segment(key_id)}/rotate"
    body = {"overlapSeconds": overlap}
    return await _issued(path, body, visitor=visitor, doors=doors, key=key)


@router.post("/{key_id}/revoke", response_model=None)
async def revoke(
    *, key_id: str, visitor: Sender, doors: Open, key: Key, reason: Text = ""
) -> Response:
    """Have a key accepted no more."""
    try:
        done = await visitor.api.delete(
            f"/apikeys/{segment(key_id)}", idempotency_key=key, reason=reason
        )
    except ApiRefused as refusal:
        return back_to(LIST, refusal.told, doors, is_refusal=True)
    return back_to(LIST, f"{done.body['prefix']} is accepted no more.", doors, token=done.token)


async def _issued(
    path: str, body: dict[str, Any], *, visitor: Visitor, doors: Doors, key: str
) -> Response:
    """Have a secret made, and show it: no redirect, so that it is kept nowhere on the way."""
    try:
        done = await visitor.api.post(path, body, idempotency_key=key)
    except ApiRefused as refusal:
        return back_to(LIST, refusal.told, doors, is_refusal=True)
    return page(
        "api_key_issued.html", visitor, title="New API key", within="API keys", issued=done.body
    )
