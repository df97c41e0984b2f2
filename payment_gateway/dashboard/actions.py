"""What the forms of the pages do: each is one call of the REST interface, in the visitor's name."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response

from payment_gateway.dashboard.visitor import (
    ROOT,
    Doors,
    Visitor,
    back_to,
    doors_of,
    segment,
    sender_of,
)
from payment_gateway.presentation.in_process import ApiRefused

router = APIRouter(prefix=ROOT, include_in_schema=False)

Sender = Annotated[Visitor, Depends(sender_of)]
Open = Annotated[Doors, Depends(doors_of)]
Key = Annotated[str, Form(alias="idempotencyKey", min_length=1, max_length=255)]
Text = Annotated[str, Form(max_length=255)]

DONE: Final = {
    "complete": "Asked the provider to complete it.",
    "cancel": "Cancelled.",
    "refund": "Refund asked for.",
    "resolve": "Recorded.",
}


@router.post("/payments/{payment_id}/complete", response_model=None)
async def complete(
    payment_id: str, visitor: Sender, doors: Open, key: Key, provider: Text
) -> Response:
    """Take the money of a payment that its payer has approved."""
    body = {"providerType": provider}
    return await _on_payment("complete", payment_id, body, visitor=visitor, doors=doors, key=key)


@router.post("/payments/{payment_id}/cancel", response_model=None)
async def cancel(
    payment_id: str, visitor: Sender, doors: Open, key: Key, reason: Text = ""
) -> Response:
    """Call a payment off."""
    body = {"reason": reason} if reason else {}
    return await _on_payment("cancel", payment_id, body, visitor=visitor, doors=doors, key=key)


@router.post("/payments/{payment_id}/refund", response_model=None)
async def refund(
    *,
    payment_id: str,
    visitor: Sender,
    doors: Open,
    key: Key,
    amount: Text = "",
    reason: Text = "",
) -> Response:
    """Give an amount back, or all that is left."""
    body = {name: value for name, value in (("amount", amount), ("reason", reason)) if value}
    return await _on_payment("refund", payment_id, body, visitor=visitor, doors=doors, key=key)


@router.post("/payments/{payment_id}/resolve", response_model=None)
async def resolve(
    *,
    payment_id: str,
    visitor: Sender,
    doors: Open,
    key: Key,
    answer: Text,
    note: Annotated[str, Form(max_length=500)],
    reference: Annotated[str, Form(alias="providerReference", max_length=255)] = "",
    amount: Text = "",
    refund_id: Annotated[str, Form(alias="refundId", max_length=64)] = "",
) -> Response:
    """Record what a person found out about a payment, or about one of its refunds."""
    given = {
        "answer": answer,
        "note": note,
        "providerReference": reference,
        "amount": amount,
        "refundId": refund_id,
    }
    return await _post(
        "resolve",
        f"/payments/{segment(payment_id)}/resolve",
        payment_id,
        {name: value for name, value in given.items() if value},
        visitor=visitor,
        doors=doors,
        key=key,
    )


async def _on_payment(
    command: str,
    payment_id: str,
    body: dict[str, Any],
    *,
    visitor: Visitor,
    doors: Doors,
    key: str,
) -> Response:
    named = {"paymentId": payment_id, **body}
    path = f"/payments/{command}"
    return await _post(command, path, payment_id, named, visitor=visitor, doors=doors, key=key)


async def _post(
    command: str,
    path: str,
    payment_id: str,
    body: dict[str, Any],
    *,
    visitor: Visitor,
    doors: Doors,
    key: str,
) -> Response:
    """Have something done about a payment, and lead back to its page."""
    page = f"/payments/{payment_id}"
    whole = {"tenantId": visitor.caller.tenant_id, **body}
    try:
        done = await visitor.api.post(path, whole, idempotency_key=key)
    except ApiRefused as refusal:
        return back_to(page, refusal.told, doors, is_refusal=True)
    status = str(done.body["status"]).replace("_", " ").lower()
    return back_to(page, f"{DONE[command]} It is {status} now.", doors, token=done.token)
