"""What became of each event on its way to an endpoint, and sending it again."""

from __future__ import annotations

import asyncio
import base64
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from payment_gateway.application.commands.deliver_webhook import signed_of
from payment_gateway.application.services.stream_service import refuse_if_match
from payment_gateway.application.webhook_deliveries import DeliveryFilter, DeliveryRecord
from payment_gateway.domain.aggregates.webhook_delivery import WebhookDeliveryStatus
from payment_gateway.domain.errors import InvalidValue, WebhookEndpointNotFound
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.presentation.rest.access import Caller, requires
from payment_gateway.presentation.rest.command_context import (
    CommandSide,
    command_side_of,
    context_of,
    stamp_position,
)
from payment_gateway.presentation.rest.idempotency import idempotent
from payment_gateway.presentation.rest.json_body import ExactJsonRoute, OptionalJsonRoute
from payment_gateway.presentation.rest.limits import (
    CURSOR_LENGTH_MAX,
    ID_LENGTH_MAX,
    PAGE_SIZE_DEFAULT,
    PAGE_SIZE_MAX,
)
from payment_gateway.presentation.rest.read_your_writes import Asking
from payment_gateway.presentation.rest.webhook_endpoint_schemas import (
    DeliveryAnswer,
    DeliveryDetailAnswer,
    DeliveryPage,
    EventType,
    ResendBody,
    ResentAnswer,
    attempt_answer,
    delivery_fields,
)
from payment_gateway.presentation.rest.webhook_endpoints import endpoint_context, tenant_of

router = APIRouter(tags=["webhook deliveries"], route_class=ExactJsonRoute)
without_body = APIRouter(tags=["webhook deliveries"], route_class=OptionalJsonRoute)
Admin = Annotated[Caller, Depends(requires("admin"))]
Side = Annotated[CommandSide, Depends(command_side_of)]


@router.get("/api/v1/webhook-endpoints/{endpoint_id}/deliveries")
async def list_(
    endpoint_id: str,
    caller: Admin,
    side: Side,
    asked: Asking,
    *,
    status: Annotated[WebhookDeliveryStatus | None, Query()] = None,
    type_: Annotated[EventType | None, Query(alias="type")] = None,
    payment_id: Annotated[str | None, Query(alias="paymentId", max_length=ID_LENGTH_MAX)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE_DEFAULT,
    cursor: Annotated[str | None, Query(max_length=CURSOR_LENGTH_MAX)] = None,
) -> DeliveryPage:
    """Return an endpoint's deliveries, newest events first."""
    endpoint = await side.gateway.webhook_endpoints.find(endpoint_id, tenant_id=tenant_of(caller))
    await asked.shown_by(side.known_deliveries, tenant_id=endpoint.tenant_id)
    which = DeliveryFilter(
        endpoint_id=endpoint_id,
        statuses=(status,) if status else (),
        types=(type_,) if type_ else (),
        source=f"payment-{PaymentIdVO(payment_id)}" if payment_id else None,
        after=_decoded(cursor) if cursor else None,
    )
    found = await side.gateway.webhook_deliveries.records.deliveries(which, limit=limit + 1)
    page = found[:limit]
    data = await asyncio.gather(*(_answer(one, side) for one in page))
    last = page[-1] if len(found) > limit else None
    return DeliveryPage(data=data, next_cursor=_encoded(last) if last else None)


@router.get("/api/v1/webhook-deliveries/{delivery_id}")
async def show(delivery_id: str, caller: Admin, side: Side, asked: Asking) -> DeliveryDetailAnswer:
    """Return a delivery with its newest attempts, and the request as it would be sent now."""
    await asked.shown_by(side.known_deliveries, tenant_id=caller.tenant_id)
    service = side.gateway.webhook_deliveries
    record = await service.find(delivery_id, tenant_id=tenant_of(caller))
    excerpts = await service.open_excerpts(record.attempts, tenant_id=record.tenant_id)
    history = [
        attempt_answer(one, excerpt) for one, excerpt in zip(record.attempts, excerpts, strict=True)
    ]
    return DeliveryDetailAnswer(
        **delivery_fields(record, history[-1] if history else None),
        history=history,
        request=await _request(record, side),
    )


@without_body.post("/api/v1/webhook-deliveries/{delivery_id}/resend", status_code=202)
@idempotent
async def resend(
    delivery_id: str,
    request: Request,
    response: Response,
    caller: Admin,
    side: Side,
) -> DeliveryAnswer:
    """Send an event again that was delivered or parked; the answer shows it as it was found."""
    service = side.gateway.webhook_deliveries
    record = await service.find(delivery_id, tenant_id=tenant_of(caller))
    context = context_of(request, caller, record.tenant_id, side)
    refuse_if_match(context)
    resent = await service.resend(delivery_id, context)
    stamp_position(response, side, context.tenant_id, resent.position)
    return await _answer(resent.record, side)


@router.post("/api/v1/webhook-endpoints/{endpoint_id}/resend", status_code=202)
@idempotent
async def resend_range(
    *,
    endpoint_id: str,
    body: ResendBody,
    request: Request,
    response: Response,
    caller: Admin,
    side: Side,
) -> ResentAnswer:
    """Send again what has ended in a range of time, `from` included and `to` not; newest first."""
    context = await endpoint_context(endpoint_id, request, caller, side)
    await side.gateway.webhook_endpoints.check_revision(endpoint_id, context)
    which = DeliveryFilter(
        endpoint_id=endpoint_id,
        types=tuple(body.types),
        statuses=tuple(one for one in body.statuses if one is not WebhookDeliveryStatus.SCHEDULED),
        since=body.from_,
        before=body.to,
    )
    if not which.statuses:
        raise InvalidValue("what is on its way is not sent again", param="statuses")
    resent = await side.gateway.webhook_deliveries.resend_range(which, context)
    stamp_position(response, side, context.tenant_id, resent.position)
    return ResentAnswer(resent=resent.resent, has_more=resent.has_more)


async def _answer(record: DeliveryRecord, side: CommandSide) -> DeliveryAnswer:
    last = record.attempts[-1:]
    excerpts = await side.gateway.webhook_deliveries.open_excerpts(last, tenant_id=record.tenant_id)
    shown = attempt_answer(last[0], excerpts[0]) if last else None
    return DeliveryAnswer(**delivery_fields(record, shown))


async def _request(record: DeliveryRecord, side: CommandSide) -> dict[str, Any] | None:
    gateway = side.gateway
    try:
        endpoint = await gateway.webhook_endpoints.find(
            record.endpoint_id, tenant_id=record.tenant_id
        )
    except WebhookEndpointNotFound:
        return None
    source = await gateway.webhook_deliveries.source(record.source, record.event_id)
    signed = signed_of(endpoint, source, gateway, gateway.now())
    return dict(gateway.webhook_sender.preview(signed))


def _encoded(last: DeliveryRecord) -> str:
    page = msgspec.json.encode([last.event_at, last.delivery_id])
    return base64.urlsafe_b64encode(page).decode().rstrip("=")


def _decoded(cursor: str) -> tuple[datetime, str]:
    """Return where the page before ended; it grants nothing, the endpoint says whose deliveries are shown."""
    try:
        page = base64.b64decode(
            cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True
        )
        at, name = msgspec.json.decode(page, type=tuple[datetime, str])
    except ValueError as error:
        raise InvalidValue("not a cursor of this list", param="cursor") from error
    if at.tzinfo is None:
        raise InvalidValue("not a cursor of this list", param="cursor")
    return at, name
