"""Where providers send their notifications: no key, but a signature over the raw bytes."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import structlog
from fastapi import APIRouter, Depends, Request
from starlette.exceptions import HTTPException

from payment_gateway.application.commands.receive_webhook import (
    WebhookDelivery,
    receive_webhook,
)
from payment_gateway.application.webhooks import SignatureRefused, VerificationUnavailable
from payment_gateway.domain.errors import (
    ProviderNotConfigured,
    TenantNotFound,
    UnsupportedProviderError,
)
from payment_gateway.presentation.rest.command_context import CommandSide, command_side_of
from payment_gateway.presentation.rest.schemas import Answer

PREFIX: Final = "/api/v1/webhooks"
log = structlog.get_logger()
_UNKNOWN: Final = "there is no such tenant, or it has no account there"

router = APIRouter(prefix=PREFIX, tags=["webhooks"])
Side = Annotated[CommandSide, Depends(command_side_of)]
# How each is refused is said for all routes alike; these are beside it.
_REFUSALS: Final[dict[int | str, dict[str, str]]] = {
    status: {"description": "Refused"} for status in (400, 401, 503)
}
# Read as the bytes that were signed; the provider's documentation says what is in them.
_RAW: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "example": {"id": "WH-1", "event_type": "PAYMENT.CAPTURE.COMPLETED"},
            }
        },
    }
}


class StoredAnswer(Answer):
    """That a notification is stored now, or was before."""

    status: Literal["stored", "stored_before"]


@router.post("/paypal/{tenant_id}", responses=_REFUSALS, openapi_extra=_RAW)
async def take_from_paypal(tenant_id: str, request: Request, side: Side) -> StoredAnswer:
    """Take a notification that PayPal sends to a tenant's webhook."""
    return await _take("PAYPAL", tenant_id, request, side)


@router.post("/pagadito/{tenant_id}", responses=_REFUSALS, openapi_extra=_RAW)
async def take_from_pagadito(tenant_id: str, request: Request, side: Side) -> StoredAnswer:
    """Take a notification that Pagadito sends to a tenant."""
    return await _take("PAGADITO", tenant_id, request, side)


@router.post("/paypal", responses=_REFUSALS, openapi_extra=_RAW)
async def take_from_paypal_by_payment(request: Request, side: Side) -> StoredAnswer:
    """Take a notification of PayPal's for the tenant whose payment it names."""
    return await _take("PAYPAL", None, request, side)


@router.post("/pagadito", responses=_REFUSALS, openapi_extra=_RAW)
async def take_from_pagadito_by_payment(request: Request, side: Side) -> StoredAnswer:
    """Take a notification of Pagadito's for the tenant whose payment it names."""
    return await _take("PAGADITO", None, request, side)


async def _take(
    provider_type: str, tenant_id: str | None, request: Request, side: CommandSide
) -> StoredAnswer:
    delivery = WebhookDelivery(
        provider_type=provider_type,
        tenant_id=tenant_id,
        headers=dict(request.headers),
        body=await request.body(),
        correlation_id=request.scope["request_id"],
        traceparent=request.scope["traceparent"],
    )
    try:
        is_new = await receive_webhook(delivery, side.gateway)
    except (TenantNotFound, ProviderNotConfigured, UnsupportedProviderError) as error:
        raise HTTPException(404, _UNKNOWN) from error
    except (SignatureRefused, VerificationUnavailable) as error:
        # The caller is not told which check it was that failed; the operator is.
        log.warning(
            "webhook.refused", provider=provider_type, tenant_id=tenant_id, reason=str(error)
        )
        raise
    return StoredAnswer(status="stored" if is_new else "stored_before")
