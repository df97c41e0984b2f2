"""What only a person can settle about a payment: an operator says what became of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import Field

from payment_gateway.application.commands.resolve_payment import (
    NOTE_LENGTH_MAX,
    REFERENCE_LENGTH_MAX,
    Finding,
    resolve_payment,
)
from payment_gateway.domain.aggregates.payment_commands import Answer as Found
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.presentation.rest.access import Caller, requires
from payment_gateway.presentation.rest.command_context import (
    CommandSide,
    command_side_of,
    context_of,
    stamp,
)
from payment_gateway.presentation.rest.idempotency import idempotent
from payment_gateway.presentation.rest.json_body import ExactJsonRoute
from payment_gateway.presentation.rest.limits import (
    REFUND_ID_LENGTH_MAX,
)
from payment_gateway.presentation.rest.schemas import (
    Amount,
    Answer,
    Body,
    DecimalText,
    PaymentId,
    TenantId,
)

Operator = Annotated[Caller, Depends(requires("operator"))]
Side = Annotated[CommandSide, Depends(command_side_of)]

router = APIRouter(prefix="/api/v1/payments", tags=["payments"], route_class=ExactJsonRoute)


class ResolveBody(Body):
    """What a person found out at the provider."""

    tenant_id: TenantId
    answer: Annotated[
        Found, Field(examples=["completed"], description="What became of it. It is final.")
    ]
    note: Annotated[
        str,
        Field(
            min_length=1,
            max_length=NOTE_LENGTH_MAX,
            examples=["in the provider's activity list"],
            description="How the person knows; kept with the payment.",
        ),
    ]
    amount: Annotated[
        Amount | None,
        Field(description="How much of a completed payment was taken; all if left out."),
    ] = None
    provider_reference: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=REFERENCE_LENGTH_MAX,
            description="The provider's id of what moved the money.",
        ),
    ] = None
    refund_id: Annotated[
        str | None,
        Field(max_length=REFUND_ID_LENGTH_MAX, description="Which refund, where it is about one."),
    ] = None


class ResolveAnswer(Answer):
    """The payment as it is then."""

    payment_id: PaymentId
    status: str
    amount: DecimalText
    captured: DecimalText | None
    refunded_total: DecimalText
    currency: str


@router.post("/{paymentId}/resolve")
@idempotent
async def resolve(
    *,
    payment_id: Annotated[PaymentId, Path(alias="paymentId")],
    body: ResolveBody,
    request: Request,
    response: Response,
    caller: Operator,
    side: Side,
) -> ResolveAnswer:
    """Record what became of a payment, or of a refund, that waits for a person."""
    context = context_of(request, caller, body.tenant_id, side)
    finding = Finding(
        answer=body.answer,
        refund_id=body.refund_id,
        reference=body.provider_reference,
        note=body.note,
        amount=body.amount,
    )
    executed = await resolve_payment(PaymentIdVO(payment_id), finding, context, side.gateway)
    payment = executed.state
    stamp(
        response,
        side,
        payment.tenant_id,
        revision=executed.revision,
        position=executed.position,
    )
    return ResolveAnswer(
        payment_id=payment.payment_id.value,
        status=payment.status,
        amount=payment.amount.decimal,
        captured=payment.captured.decimal if payment.captured else None,
        refunded_total=payment.refunded.decimal,
        currency=payment.amount.currency,
    )
