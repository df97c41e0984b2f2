"""Orders that are paid in parts by several providers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import Field

from payment_gateway.application.commands.show_split import SplitView, show_split
from payment_gateway.application.commands.split_payment import (
    PartRequest,
    SplitRequest,
    split_payment,
)
from payment_gateway.application.services.idempotency_service import Claim
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.aggregates.split import PARTS_MAX, PARTS_MIN
from payment_gateway.domain.aggregates.split_state import SplitStatus
from payment_gateway.domain.errors import InvalidAmountError, InvalidValue, SplitNotFound
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_details import (
    PaymentDetailsVO,
    PaymentDetailVO,
)
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO
from payment_gateway.domain.value_objects.split_id import SplitIdVO
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO
from payment_gateway.presentation.rest.access import Caller, requires
from payment_gateway.presentation.rest.command_context import (
    CommandSide,
    command_context,
    command_side_of,
    stamp,
)
from payment_gateway.presentation.rest.idempotency import claim_of, idempotent
from payment_gateway.presentation.rest.json_body import ExactJsonRoute
from payment_gateway.presentation.rest.limits import (
    ID_LENGTH_MAX,
)
from payment_gateway.presentation.rest.read_your_writes import Asking
from payment_gateway.presentation.rest.schemas import (
    Amount,
    Answer,
    Body,
    Customer,
    DecimalText,
    Details,
    OrderId,
    PaymentId,
    ProviderType,
    TenantId,
)

OrderService = Annotated[Caller, Depends(requires("order-service"))]
Reader = Annotated[Caller, Depends(requires("order-service", "viewer"))]
Side = Annotated[CommandSide, Depends(command_side_of)]
SplitId = Annotated[
    str,
    Field(
        examples=["7c1d6a52-0f0e-5a3c-9f57-2d8b1c4e6a90"], min_length=1, max_length=ID_LENGTH_MAX
    ),
]


class SplitPartBody(Body):
    """What one provider is to take."""

    provider_type: ProviderType
    amount: Amount
    details: Details | None = None


class SplitBody(Body):
    """An order, and the parts that it is paid in."""

    tenant_id: TenantId
    order_id: OrderId
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["USD"])]
    amount: Amount
    parts: Annotated[
        list[SplitPartBody],
        Field(
            min_length=PARTS_MIN,
            max_length=PARTS_MAX,
            examples=[
                [
                    {"providerType": "PAYPAL", "amount": "12.00"},
                    {"providerType": "PAGADITO", "amount": "7.99"},
                ]
            ],
        ),
    ]
    customer: Customer | None = None


class SplitPartAnswer(Answer):
    """One payment of the split; ``checkoutUrl`` while it can be paid."""

    payment_id: PaymentId
    provider_type: ProviderType
    amount: DecimalText
    status: str
    checkout_url: str | None


class SplitAnswer(Answer):
    """The split and its payments, in the order in which they were asked for."""

    split_id: SplitId
    status: str
    parts: list[SplitPartAnswer]


router = APIRouter(prefix="/api/v1/payments/split", tags=["payments"], route_class=ExactJsonRoute)


@router.post(
    "",
    status_code=201,
    responses={
        202: {"model": SplitAnswer, "description": "Not all of the first checkouts are open yet"},
    },
)
@idempotent
async def split(
    body: SplitBody, request: Request, response: Response, caller: OrderService, side: Side
) -> SplitAnswer:
    """Take an order on that is paid in parts, and return where each part is paid."""
    context = await command_context(request, caller, body.tenant_id, side)
    view = await split_payment(_split_request(body, claim_of(request)), context, side.gateway)
    _stamp(response, side, view)
    if view.split.status is SplitStatus.STARTED:
        response.status_code = 202
    return _answer(view)


@router.get("/{splitId}")
async def show(
    split_id: Annotated[str, Path(alias="splitId")],
    response: Response,
    caller: Reader,
    side: Side,
    _: Asking,
) -> SplitAnswer:
    """Show where an order in parts stands, as the event store has it."""
    try:
        identity = SplitIdVO(split_id)
    except InvalidValue as error:
        raise SplitNotFound from error
    view = await show_split(identity, tenant_id=caller.tenant_id, gateway=side.gateway)
    _stamp(response, side, view)
    return _answer(view)


def _split_request(body: SplitBody, claim: Claim | None) -> SplitRequest:
    return SplitRequest(
        tenant_id=TenantIdVO(body.tenant_id),
        order_id=body.order_id,
        amount=PaymentAmountVO.parse_positive(body.amount, body.currency),
        parts=tuple(
            PartRequest(provider=ProviderTypeVO(part.provider_type), details=_details(part, body))
            for part in body.parts
        ),
        customer=body.customer.model_dump(exclude_none=True) if body.customer else None,
        reserved=claim.number if claim else None,
    )


def _details(part: SplitPartBody, body: SplitBody) -> PaymentDetailsVO:
    amount = _amount(part.amount, body.currency)
    if part.details is None:
        return PaymentDetailsVO.whole(amount, f"Order {body.order_id}")
    lines = tuple(
        PaymentDetailVO(
            quantity=detail.quantity,
            description=detail.description,
            price=_amount(detail.price, body.currency),
            url_product=detail.url_product,
        )
        for detail in part.details
    )
    return PaymentDetailsVO(lines, amount)


def _amount(value: Amount, currency: str) -> PaymentAmountVO:
    try:
        return PaymentAmountVO.parse_positive(value, currency)
    except InvalidAmountError as error:
        raise InvalidAmountError(str(error), param="parts") from error


def _answer(view: SplitView) -> SplitAnswer:
    return SplitAnswer(
        split_id=view.split.split_id.value,
        status=view.split.status,
        parts=[_part(payment) for payment in view.payments.values()],
    )


def _part(payment: Payment) -> SplitPartAnswer:
    awaited = payment.status is PaymentStatusVO.AWAITING_PAYER
    return SplitPartAnswer(
        payment_id=payment.payment_id.value,
        provider_type=payment.provider,
        amount=payment.amount.decimal,
        status=payment.status,
        checkout_url=payment.checkout.url if awaited and payment.checkout else None,
    )


def _stamp(response: Response, side: CommandSide, view: SplitView) -> None:
    assert view.loaded.revision is not None, "what was found has a revision"
    stamp(
        response,
        side,
        view.split.tenant_id,
        revision=view.loaded.revision,
        position=view.position,
    )
