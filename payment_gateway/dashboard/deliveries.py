"""Events on their way to the shops' endpoints: what became of each, and sending it again."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import Response

from payment_gateway.dashboard.rendering import page
from payment_gateway.dashboard.shown import until_shown
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
    api_path = f"/webhook-deliveries/{segment(delivery_id)}"
    try:
        done = await visitor.api.post(f"{api_path}/resend", {}, idempotency_key=key)
    except ApiRefused as refusal:
        return back_to(page_path, refusal.told, doors, is_refusal=True)
    before = done.body  # as it was found

    async def is_shown() -> bool:
        now = await visitor.api.get(api_path)
        return any(now[name] != before[name] for name in before)

    if before["status"] != WebhookDeliveryStatus.SCHEDULED:  # one on its way is not sent twice
        await until_shown(is_shown)
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
    delivery_id = done.body["deliveryId"]

    async def is_shown() -> bool:
        await visitor.api.get(f"/webhook-deliveries/{segment(delivery_id)}")
        return True

    where = f"/deliveries/{delivery_id}" if await until_shown(is_shown) else "/deliveries"
    return back_to(where, "A test is on its way.", doors)


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
