"""Payments and providers. Every page asks the REST interface as its visitor: it shows what they may see."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from fastapi.responses import RedirectResponse, Response

from payment_gateway.dashboard.deliveries import deliveries_of_payment
from payment_gateway.dashboard.rendering import page
from payment_gateway.dashboard.visitor import ROOT, Visitor, segment, visitor_of
from payment_gateway.domain.errors import InvalidValue
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from payment_gateway.presentation.in_process import Answer, ApiRefused

router = APIRouter(prefix=ROOT, include_in_schema=False)

TEXT_LENGTH_MAX: Final = 255
Looking = Annotated[Visitor, Depends(visitor_of)]
Text = Annotated[str | None, Query(max_length=TEXT_LENGTH_MAX)]
Cursor = Annotated[str | None, Query(max_length=1_000)]


@router.get("/payments", response_model=None)
async def payments(
    *,
    visitor: Looking,
    q: Text = None,
    status: Text = None,
    provider: Text = None,
    from_: Annotated[Text, Query(alias="from")] = None,
    to: Text = None,
    cursor: Cursor = None,
) -> Response:
    """List payments; a search for one that is known by a number of its own leads straight to it."""
    payment_id = _known_number(q)
    if payment_id is not None:
        return RedirectResponse(f"{ROOT}/payments/{payment_id}", status_code=303)
    wanted = {"status": status, "provider": provider, "orderId": q, "from": from_, "to": to}
    refused: ApiRefused | None = None
    found: Answer = {"data": [], "nextCursor": None}
    try:
        found = await visitor.api.get("/payments", cursor=cursor, **wanted)
    except ApiRefused as refusal:
        if refusal.status != 422:
            raise
        refused = refusal
    return page(
        "payments.html",
        visitor,
        title="Payments",
        payments=found["data"],
        next_cursor=found["nextCursor"],
        wanted={name: value or "" for name, value in wanted.items()},
        statuses=[status.value for status in PaymentStatusVO],
        refused=refused,
        code=422 if refused else 200,
    )


@router.get("/payments/{payment_id}", response_model=None)
async def payment(payment_id: str, visitor: Looking) -> Response:
    """Show one payment, what happened to it, and what may be done about it."""
    path = f"/payments/{segment(payment_id)}"
    found = await visitor.api.get(path)
    history = await visitor.api.get(f"{path}/events")
    return page(
        "payment.html",
        visitor,
        title="Payment",
        within="Payments",
        tick=5,
        payment=found,
        events=history["data"],
        deliveries=await deliveries_of_payment(visitor, payment_id),
        actions=_actions(found, visitor),
    )


@router.get("/providers", response_model=None)
async def providers(visitor: Looking, tenant: Text = None) -> Response:
    """Show how providers do, for a tenant that a visitor of all tenants names."""
    named = visitor.caller.tenant_id if visitor.has_tenant else tenant
    status: Answer | None = None
    if named:
        query = {} if visitor.has_tenant else {"tenantId": named}
        status = await visitor.api.get("/providers/status", **query)
    return page("providers.html", visitor, title="Providers", status=status, tenant=named or "")


def _known_number(text: str | None) -> str | None:
    """Return the payment that a text names by its id or its external reference number."""
    if not text:
        return None
    try:
        return PaymentIdVO(text.strip()).value
    except InvalidValue:
        pass
    try:
        return PaymentIdVO.of(ExternalReferenceNumberVO(text.strip())).value
    except InvalidValue:
        return None


def _actions(found: dict[str, Any], visitor: Visitor) -> list[str]:
    """Return what may be done about a payment as it stands, by this visitor.

    It is what is offered; what is allowed is decided where it is done.
    """
    status = found["status"]
    offered = []
    if visitor.may("order-service"):
        if status in {"AWAITING_PAYER", "PROCESSING", "PENDING", "UNKNOWN"}:
            offered.append("complete")
        if status in {"CREATED", "AWAITING_PAYER"}:
            offered.append("cancel")
        if status in {"COMPLETED", "PARTIALLY_REFUNDED"}:
            offered.append("refund")
    if visitor.may("operator") and found["questions"]:
        offered.append("resolve")
    return offered
