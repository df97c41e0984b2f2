"""Storing a tenant's account at a provider."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO
from payment_gateway.presentation.rest.access import Caller, requires
from payment_gateway.presentation.rest.administration import administration_context
from payment_gateway.presentation.rest.command_context import (
    CommandSide,
    command_side_of,
    stamp,
)
from payment_gateway.presentation.rest.idempotency import idempotent
from payment_gateway.presentation.rest.json_body import ExactJsonRoute
from payment_gateway.presentation.rest.schemas import CredentialsAnswer, CredentialsBody

router = APIRouter(prefix="/api/v1/providers", tags=["providers"], route_class=ExactJsonRoute)


@router.post("/credentials")
@idempotent
async def store_credentials(
    body: CredentialsBody,
    request: Request,
    response: Response,
    caller: Annotated[Caller, Depends(requires("admin"))],
    side: Annotated[CommandSide, Depends(command_side_of)],
) -> CredentialsAnswer:
    """Store credentials, sealed; the same set again is the same version."""
    context = administration_context(request, caller, body.tenant_id, side, reason=body.reason)
    await side.gateway.tenants.find(body.tenant_id)
    provider_type = ProviderTypeVO(body.provider_type).value
    executed = await side.gateway.credentials.save(provider_type, body.credentials, context)
    credential = executed.state
    stamp(
        response,
        side,
        body.tenant_id,
        revision=executed.revision,
        position=executed.position,
    )
    return CredentialsAnswer(
        tenant_id=credential.tenant_id,
        provider_type=credential.provider,
        version=credential.version,
        fingerprint=credential.fingerprint,
        sandbox=credential.sandbox,
    )
