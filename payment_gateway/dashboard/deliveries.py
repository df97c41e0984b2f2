"""Events on their way to the shops' endpoints: what became of each, and sending it again."""

from __future__ import annotations

import asyncio
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
from payment_gateway.domain.aggregates.webhook_delivery import WebhookDeliveryStatus
from payment_gateway.presentation.in_process import ApiRefused

router = APIRouter(prefix=ROOT, include_in_schema=False)

# A delivery that was just begun is waited for so long; then the list is shown in place of its page.
SHOWN_LOOK_EVERY_S: Final = 0.2
SHOWN_LOOKS_MAX: Final = 50

Looking = Annotated[Visitor, Depends(visitor_of)]
Sender = Annotated[Visitor, Depends(sender_of)]
Open = Annotated[Doors, Depends(doors_of)]
Key = Annotated[str, Form(alias="idempotencyKey", min_length=1, max_length=255)]
Text = Annotated[str | None, Query(max_length=255)]


@router.get("/deliveries", response_model=None)
async def deliveries(
    *,
    visitor: Looking,
    tenant: Text = None,
    endpoint: Text = None,
    status: Text = None,
    cursor: Annotated[str | None, Query(max_length=1_000)] = None,
) -> Response:
    """List a tenant's endpoints, and the deliveries of the one that is chosen."""
    named = visitor.caller.tenant_id if visitor.has_tenant else tenant
    endpoints: list[dict[str, Any]] = []
    if named:
        query = {} if visitor.has_tenant else {"tenantId": named}
        endpoints = (await visitor.api.get("/webhook-endpoints", **query))["data"]
    chosen = endpoint or (endpoints[0]["id"] if endpoints else None)
    found: dict[str, Any] = {"data": [], "nextCursor": None}
    if chosen:
        path = f"/webhook-endpoints/{segment(chosen)}/deliveries"
        found = await visitor.api.get(path, status=status, cursor=cursor)
    return page(
        "deliveries.html",
        visitor,
        title="Deliveries",
        tick=3,
        tenant=named or "",
        endpoints=endpoints,
        chosen=chosen,
        status=status or "",
        statuses=[one.value for one in WebhookDeliveryStatus],
        deliveries=found["data"],
        next_cursor=found["nextCursor"],
    )


@router.get("/deliveries/{delivery_id}", response_model=None)
async def delivery(delivery_id: str, visitor: Looking) -> Response:
    """Show one delivery: its attempts, and the request as it would be sent now."""
    found = await visitor.api.get(f"/webhook-deliveries/{segment(delivery_id)}")
    return page(
        "delivery.html",
        visitor,
        title="Delivery",
        within="Deliveries",
        tick=3,
        delivery=found,
    )


@router.post("/deliveries/{delivery_id}/resend", response_model=None)
async def resend(delivery_id: str, visitor: Sender, doors: Open, key: Key) -> Response:
    """Send an event again."""
    page_path = f"/deliveries/{delivery_id}"
    try:
        await visitor.api.post(
            f"/webhook-deliveries/{segment(delivery_id)}/resend", {}, idempotency_key=key
        )
    except ApiRefused as refusal:
        return back_to(page_path, refusal.told, doors, is_refusal=True)
    return back_to(page_path, "It is sent again.", doors)


@router.post("/endpoints/{endpoint_id}/test", response_model=None)
async def test(endpoint_id: str, visitor: Sender, doors: Open, key: Key) -> Response:
    """Send a test to an endpoint."""
    try:
        done = await visitor.api.post(
            f"/webhook-endpoints/{segment(endpoint_id)}/test", {}, idempotency_key=key
        )
    except ApiRefused as refusal:
        return back_to("/deliveries", refusal.told, doors, is_refusal=True)
    shown = await _is_shown(visitor, done.body["deliveryId"])
    where = f"/deliveries/{done.body['deliveryId']}" if shown else "/deliveries"
    return back_to(where, "A test is on its way.", doors)


async def _is_shown(visitor: Visitor, delivery_id: str) -> bool:
    """Wait until a delivery that was just begun is in the read model; return whether it came in time."""
    for _ in range(SHOWN_LOOKS_MAX):
        try:
            await visitor.api.get(f"/webhook-deliveries/{segment(delivery_id)}")
        except ApiRefused:
            await asyncio.sleep(SHOWN_LOOK_EVERY_S)
        else:
            return True
    return False


async def deliveries_of_payment(visitor: Visitor, payment_id: str) -> list[dict[str, Any]]:
    """Return what was sent about a payment, each with its ``endpoint``; nothing to whoever may not see it."""
    if not visitor.may("admin"):
        return []
    endpoints = (await visitor.api.get("/webhook-endpoints"))["data"]
    found = await asyncio.gather(
        *(
            visitor.api.get(
                f"/webhook-endpoints/{segment(one['id'])}/deliveries", paymentId=payment_id
            )
            for one in endpoints
        )
    )
    return [
        {**sent, "endpoint": endpoint["url"]}
        for endpoint, answer in zip(endpoints, found, strict=True)
        for sent in answer["data"]
    ]
