"""The commands on payments: initiate, complete, refund, cancel."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from uuid_utils.compat import uuid7

from payment_gateway.application.commands.cancel_payment import cancel_payment
from payment_gateway.application.commands.complete_payment import complete_payment
from payment_gateway.application.commands.initiate_payment import (
    PaymentRequest,
    initiate_payment,
)
from payment_gateway.application.commands.refund_payment import refund_payment
from payment_gateway.application.services.idempotency_service import Claim
from payment_gateway.application.services.payment_service import ExecutedPayment
from payment_gateway.domain.errors import InvalidAmountError
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_details import (
    PaymentDetailsVO,
    PaymentDetailVO,
)
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO, RefundStatusVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO
from payment_gateway.presentation.rest.access import Caller, requires
from payment_gateway.presentation.rest.command_context import (
    CommandSide,
    command_context,
    command_side_of,
    log_for,
    stamp,
)
from payment_gateway.presentation.rest.idempotency import claim_of, idempotent
from payment_gateway.presentation.rest.json_body import ExactJsonRoute
from payment_gateway.presentation.rest.schemas import (
    CancelAnswer,
    CancelBody,
    CompleteAnswer,
    CompleteBody,
    Detail,
    InitiateAnswer,
    InitiateBody,
    RefundAnswer,
    RefundBody,
)

_IN_DOUBT: Final = frozenset(
    {
        PaymentStatusVO.CREATED,
        PaymentStatusVO.PROCESSING,
        PaymentStatusVO.UNKNOWN,
        PaymentStatusVO.NEEDS_OPERATOR,
    }
)
_REFUND_IN_DOUBT: Final = frozenset({RefundStatusVO.REQUESTED, RefundStatusVO.UNKNOWN})

OrderService = Annotated[Caller, Depends(requires("order-service"))]
Side = Annotated[CommandSide, Depends(command_side_of)]


router = APIRouter(prefix="/api/v1/payments", tags=["payments"], route_class=ExactJsonRoute)


@router.post(
    "/initiate",
    status_code=201,
    responses={
        202: {"model": InitiateAnswer, "description": "In doubt: the provider is being asked"},
    },
)
@idempotent
async def initiate(
    body: InitiateBody, request: Request, response: Response, caller: OrderService, side: Side
) -> InitiateAnswer:
    """Take an order's payment on and return where its payer pays."""
    context = await command_context(request, caller, body.tenant_id, side)
    executed = await initiate_payment(
        _payment_request(body, claim_of(request)), context, side.gateway
    )
    payment = executed.state
    _stamp(response, side, executed)
    if payment.status in _IN_DOUBT:
        response.status_code = 202
    return InitiateAnswer(
        payment_id=payment.payment_id.value,
        external_reference_number=payment.external_reference,
        status=payment.status,
        provider_type=payment.provider,
        checkout_url=payment.checkout.url if payment.checkout else None,
        amount=payment.amount.decimal,
        currency=payment.amount.currency,
        expires_at=payment.checkout.expires_at if payment.checkout else None,
    )


@router.post(
    "/complete",
    responses={
        202: {"model": CompleteAnswer, "description": "In doubt: the provider is being asked"},
    },
)
@idempotent
async def complete(
    body: CompleteBody, request: Request, response: Response, caller: OrderService, side: Side
) -> CompleteAnswer:
    """Take the money of a payment that its payer has approved."""
    context = await command_context(
        request, caller, body.tenant_id, side, payment_id=body.payment_id
    )
    executed = await complete_payment(
        PaymentIdVO(body.payment_id), ProviderTypeVO(body.provider_type), context, side.gateway
    )
    payment = executed.state
    _stamp(response, side, executed)
    if payment.status in _IN_DOUBT:
        response.status_code = 202
    return CompleteAnswer(
        payment_id=payment.payment_id.value,
        status=payment.status,
        provider_reference=payment.provider_reference,
        amount=payment.amount.decimal,
        currency=payment.amount.currency,
    )


@router.post(
    "/refund",
    responses={
        202: {"model": RefundAnswer, "description": "In doubt: the provider is being asked"},
    },
)
@idempotent
async def refund(
    body: RefundBody, request: Request, response: Response, caller: OrderService, side: Side
) -> RefundAnswer:
    """Give back an amount, or all that is left."""
    context = await command_context(
        request, caller, body.tenant_id, side, payment_id=body.payment_id
    )
    refund_id = body.refund_id
    if refund_id is None:
        claim = claim_of(request)
        refund_id = claim.derive("refund") if claim else str(uuid7())
    executed = await refund_payment(
        PaymentIdVO(body.payment_id),
        refund_id=refund_id,
        amount=body.amount,
        reason=body.reason,
        context=context,
        gateway=side.gateway,
    )
    payment, given = executed.state, executed.state.refunds[refund_id]
    _stamp(response, side, executed)
    if given.status in _REFUND_IN_DOUBT:
        response.status_code = 202
    return RefundAnswer(
        payment_id=payment.payment_id.value,
        refund_id=refund_id,
        status=given.status,
        amount=given.amount.decimal,
        refunded_total=payment.refunded.decimal,
        currency=payment.amount.currency,
    )


@router.post("/cancel")
@idempotent
async def cancel(
    body: CancelBody, request: Request, response: Response, caller: OrderService, side: Side
) -> CancelAnswer:
    """Call a payment off before any money is taken."""
    context = await command_context(
        request, caller, body.tenant_id, side, payment_id=body.payment_id
    )
    executed = await cancel_payment(
        PaymentIdVO(body.payment_id), body.reason, context, side.gateway
    )
    _stamp(response, side, executed)
    return CancelAnswer(payment_id=executed.state.payment_id.value, status=executed.state.status)


def _payment_request(body: InitiateBody, claim: Claim | None) -> PaymentRequest:
    amount = PaymentAmountVO.parse_positive(body.amount, body.currency)
    reference = body.external_reference_number
    return PaymentRequest(
        tenant_id=TenantIdVO(body.tenant_id),
        provider=ProviderTypeVO(body.provider_type),
        details=_details(body, amount),
        order_id=body.order_id,
        external_reference=(
            ExternalReferenceNumberVO(reference) if reference is not None else None
        ),
        fallback_providers=tuple(ProviderTypeVO(name) for name in body.fallback_providers),
        allow_pending=body.allow_pending_payments,
        return_url=body.return_url,
        cancel_url=body.cancel_url,
        custom_params=body.custom_params,
        customer=body.customer.model_dump(exclude_none=True) if body.customer else None,
        reserved=claim.number if claim else None,
    )


def _details(body: InitiateBody, amount: PaymentAmountVO) -> PaymentDetailsVO:
    if body.details is None:
        return PaymentDetailsVO.whole(amount, f"Order {body.order_id}")
    lines = tuple(
        PaymentDetailVO(
            quantity=detail.quantity,
            description=detail.description,
            price=_price(detail, body.currency),
            url_product=detail.url_product,
        )
        for detail in body.details
    )
    return PaymentDetailsVO(lines, amount)


def _price(detail: Detail, currency: str) -> PaymentAmountVO:
    try:
        return PaymentAmountVO.parse_positive(detail.price, currency)
    except InvalidAmountError as error:
        raise InvalidAmountError(str(error), param="details") from error


def _stamp(response: Response, side: CommandSide, executed: ExecutedPayment) -> None:
    log_for(executed.state.tenant_id, executed.state.payment_id.value)
    stamp(
        response,
        side,
        executed.state.tenant_id,
        revision=executed.revision,
        position=executed.position,
    )
