"""Where the payer's browser comes back from the provider.

What the browser brings is not signed and proves nothing: it only says which payment to ask the provider
about. The answer is the provider's.
"""

from __future__ import annotations

import hmac
from typing import Annotated, Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

import structlog
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from payment_gateway.application.commands.cancel_payment import cancel_payment
from payment_gateway.application.commands.complete_payment import settle_found
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext, EventStoreUnavailable, StreamMoved
from payment_gateway.application.services.payment_service import FoundPayment
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.errors import (
    DomainError,
    InvalidValue,
    PaymentNotFound,
    PaymentStateConflict,
)
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.presentation.rest.checkout_page import checkout_page
from payment_gateway.presentation.rest.command_context import CommandSide, command_side_of

_PARAMETER_LENGTH_MAX: Final = 256
_PAYER: Final = "payer"

router = APIRouter(prefix="/checkout", tags=["checkout"])
Side = Annotated[CommandSide, Depends(command_side_of)]
Parameter = Annotated[str | None, Query(max_length=_PARAMETER_LENGTH_MAX)]

_DESCRIBED: Final[dict[str, Any]] = {
    "response_model": None,
    "response_class": HTMLResponse,
    "responses": {
        200: {"description": "A page, where the order names no place to go on"},
        303: {"description": "On to the order's `returnUrl` or `cancelUrl`"},
        503: {"description": "Refused"},
    },
}

log = structlog.get_logger()


@router.get("/return/{provider}", **_DESCRIBED)
async def come_back(
    provider: str,
    request: Request,
    side: Side,
    *,
    token: Parameter = None,
    payment_id: Parameter = None,
    ern: Parameter = None,
) -> Response:
    """Bring the payment to where the provider says it is, then send the payer on."""
    gateway = side.gateway
    found = await _find(gateway, provider, token=token, payment_id=payment_id, ern=ern)
    try:
        await settle_found(found, _context(request, found.payment, gateway), gateway)
    except (DomainError, StreamMoved, EventStoreUnavailable) as error:
        # The payer is sent on all the same: the order service asks, and the recovery goes on.
        log.warning("checkout.return_unsettled", error=type(error).__name__)
    return await _send_on(found.payment, gateway)


@router.get("/cancel/{provider}", **_DESCRIBED)
async def call_off(
    provider: str,
    request: Request,
    side: Side,
    *,
    token: Parameter = None,
    payment_id: Parameter = None,
    ern: Parameter = None,
) -> Response:
    """Cancel the payment that the payer called off, then send them on."""
    gateway = side.gateway
    found = await _find(gateway, provider, token=token, payment_id=payment_id, ern=ern)
    try:
        await cancel_payment(
            found.payment.payment_id,
            "the payer called it off",
            _context(request, found.payment, gateway),
            gateway,
        )
    except PaymentStateConflict as error:
        log.info("checkout.cancel_too_late", status=error.status)
    except (DomainError, StreamMoved, EventStoreUnavailable) as error:
        log.warning("checkout.cancel_unsettled", error=type(error).__name__)
    return await _send_on(found.payment, gateway)


async def _find(
    gateway: Gateway, provider: str, *, token: str | None, payment_id: str | None, ern: str | None
) -> FoundPayment:
    """Return the payment that the address leads to, if it also names its order at the provider."""
    try:
        if payment_id is not None:
            identity = PaymentIdVO(payment_id)
        else:
            identity = PaymentIdVO.of(ExternalReferenceNumberVO.of_attempt(ern or ""))
    except InvalidValue as error:
        raise PaymentNotFound(payment_id or ern or "") from error
    found = await gateway.payments.find_of_any_tenant(identity)
    checkout = found.payment.checkout
    known = (
        checkout is not None
        and token is not None
        and hmac.compare_digest(token.encode(), checkout.provider_order_id.encode())
    )
    if not known or found.payment.provider.lower() != provider:
        raise PaymentNotFound(identity.value)
    return found


def _context(request: Request, payment: Payment, gateway: Gateway) -> CommandContext:
    return CommandContext(
        tenant_id=payment.tenant_id,
        actor=_PAYER,
        correlation_id=request.scope["request_id"],
        traceparent=request.scope["traceparent"],
        at=gateway.now(),
    )


async def _send_on(payment: Payment, gateway: Gateway) -> Response:
    now = (await gateway.payments.find_of_any_tenant(payment.payment_id)).payment
    ended = now.status.is_closed_unpaid
    target = (now.cancel_url or now.return_url) if ended else now.return_url
    if target is None:
        return checkout_page(now.status, now.order_id)
    query = {"paymentId": now.payment_id.value, "status": now.status.value}
    return RedirectResponse(
        _with_query(target, query), status_code=303, headers={"Cache-Control": "no-store"}
    )


def _with_query(url: str, query: dict[str, str]) -> str:
    """Return the address with more in its query; what is there stays as it is spelled."""
    parts = urlsplit(url)
    both = "&".join(part for part in (parts.query, urlencode(query)) if part)
    return urlunsplit(parts._replace(query=both))
