"""Where a tenant's events are sent: endpoints, their secrets, tests."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Body, Depends, Query, Request, Response

from payment_gateway.application.ports import CommandContext
from payment_gateway.application.services.stream_service import refuse_if_match
from payment_gateway.application.services.webhook_delivery_service import delivery_id_of
from payment_gateway.application.services.webhook_endpoint_service import ShownSecret
from payment_gateway.domain.errors import InvalidValue
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO
from payment_gateway.presentation.rest.access import (
    ANY_TENANT,
    Caller,
    check_tenant,
    requires,
)
from payment_gateway.presentation.rest.command_context import (
    CommandSide,
    command_side_of,
    context_of,
    etag,
    stamp,
)
from payment_gateway.presentation.rest.idempotency import claim_of, idempotent
from payment_gateway.presentation.rest.json_body import ExactJsonRoute, OptionalJsonRoute
from payment_gateway.presentation.rest.read_your_writes import Asking
from payment_gateway.presentation.rest.schemas import TenantId
from payment_gateway.presentation.rest.webhook_endpoint_schemas import (
    ChangeEndpointBody,
    EndpointAnswer,
    EndpointBody,
    EndpointPage,
    EndpointSecretAnswer,
    EndpointStatusAnswer,
    RotateBody,
    TestAnswer,
    endpoint_fields,
    endpoint_status,
)

PREFIX: Final = "/api/v1/webhook-endpoints"
router = APIRouter(prefix=PREFIX, tags=["webhook endpoints"], route_class=ExactJsonRoute)
without_body = APIRouter(prefix=PREFIX, tags=["webhook endpoints"], route_class=OptionalJsonRoute)
Admin = Annotated[Caller, Depends(requires("admin"))]
Side = Annotated[CommandSide, Depends(command_side_of)]
_DEFAULT_ROTATION: Final = RotateBody()


@router.post("", status_code=201)
@idempotent
async def create(
    body: EndpointBody, request: Request, response: Response, caller: Admin, side: Side
) -> EndpointSecretAnswer:
    """Send the tenant's events to an address from here on; no answer ever shows the secret again."""
    tenant_id = _tenant(caller, body.tenant_id)
    context = context_of(request, caller, tenant_id, side)
    refuse_if_match(context)
    await side.gateway.tenants.find(tenant_id)
    claim = claim_of(request)
    shown = await side.gateway.webhook_endpoints.create(
        url=body.url,
        types=body.types,
        enabled=body.enabled,
        context=context,
        endpoint_id=claim.derive("webhook-endpoint") if claim else None,
    )
    return _with_secret(shown, response, side)


@router.get("")
async def list_(
    *,
    caller: Admin,
    side: Side,
    asked: Asking,
    tenant_id: Annotated[TenantId | None, Query(alias="tenantId")] = None,
) -> EndpointPage:
    """Return a tenant's endpoints, oldest first, and how each has fared."""
    wanted = _tenant(caller, tenant_id)
    check_tenant(caller, wanted)
    await asked.shown_by(side.known_deliveries, tenant_id=wanted)
    found = await side.gateway.webhook_endpoints.list_of(wanted)
    return EndpointPage(data=[endpoint_status(*one) for one in found], next_cursor=None)


@router.get("/{endpoint_id}")
async def show(
    endpoint_id: str, response: Response, caller: Admin, side: Side, asked: Asking
) -> EndpointStatusAnswer:
    """Return an endpoint, and how it has fared."""
    service = side.gateway.webhook_endpoints
    endpoint, revision = await service.load(endpoint_id, tenant_id=tenant_of(caller))
    await asked.shown_by(side.known_deliveries, tenant_id=endpoint.tenant_id)
    response.headers["ETag"] = etag(revision)
    return endpoint_status(endpoint, await service.records.endpoint(endpoint_id))


@router.patch("/{endpoint_id}")
@idempotent
async def change(
    endpoint_id: str,
    body: ChangeEndpointBody,
    *,
    request: Request,
    response: Response,
    caller: Admin,
    side: Side,
) -> EndpointAnswer:
    """Change an endpoint, pause it with `enabled: false`; what is left out stays as it is."""
    context = await endpoint_context(endpoint_id, request, caller, side)
    executed = await side.gateway.webhook_endpoints.change(
        endpoint_id, url=body.url, types=body.types, enabled=body.enabled, context=context
    )
    where = {"revision": executed.revision, "position": executed.position}
    stamp(response, side, context.tenant_id, **where)
    return EndpointAnswer(**endpoint_fields(executed.state))


@router.delete("/{endpoint_id}", status_code=204)
@idempotent
async def delete(
    endpoint_id: str,
    request: Request,
    response: Response,
    caller: Admin,
    side: Side,
) -> None:
    """Stop sending to an endpoint for good; what is under way is parked."""
    context = await endpoint_context(endpoint_id, request, caller, side)
    executed = await side.gateway.webhook_endpoints.delete(endpoint_id, context)
    where = {"revision": executed.revision, "position": executed.position}
    stamp(response, side, context.tenant_id, **where)


@without_body.post("/{endpoint_id}/rotate")
@idempotent
async def rotate(
    endpoint_id: str,
    *,
    request: Request,
    response: Response,
    caller: Admin,
    side: Side,
    body: Annotated[RotateBody, Body()] = _DEFAULT_ROTATION,
) -> EndpointSecretAnswer:
    """Sign with a new secret, and with the one before too for a day, or as long as is said."""
    context = await endpoint_context(endpoint_id, request, caller, side)
    shown = await side.gateway.webhook_endpoints.rotate(
        endpoint_id, overlap_s=body.overlap_seconds, context=context
    )
    return _with_secret(shown, response, side)


@without_body.post("/{endpoint_id}/test", status_code=202)
@idempotent
async def test(
    endpoint_id: str,
    request: Request,
    response: Response,
    caller: Admin,
    side: Side,
) -> TestAnswer:
    """Have an event of type `WebhookTestRequested` delivered, whether the endpoint is paused or not."""
    context = await endpoint_context(endpoint_id, request, caller, side)
    claim = claim_of(request)
    requested = await side.gateway.webhook_endpoints.request_test(
        endpoint_id, context, test_id=claim.derive("webhook-test") if claim else None
    )
    executed = requested.executed
    where = {"revision": executed.revision, "position": executed.position}
    stamp(response, side, context.tenant_id, **where)
    return TestAnswer(
        event_id=requested.event_id, delivery_id=delivery_id_of(endpoint_id, requested.event_id)
    )


async def endpoint_context(
    endpoint_id: str, request: Request, caller: Caller, side: CommandSide
) -> CommandContext:
    """Return who asks, for the tenant whose endpoint it is; raises ``WebhookEndpointNotFound``."""
    endpoint = await side.gateway.webhook_endpoints.find(endpoint_id, tenant_id=tenant_of(caller))
    return context_of(request, caller, endpoint.tenant_id, side)


def tenant_of(caller: Caller) -> str | None:
    """Return the one tenant that a caller speaks for, ``None`` for all of them."""
    return None if caller.tenant_id == ANY_TENANT else caller.tenant_id


def _tenant(caller: Caller, given: str | None) -> str:
    tenant_id = given or tenant_of(caller)
    if tenant_id is None:
        raise InvalidValue("name the tenant: the key speaks for all of them", param="tenantId")
    return TenantIdVO(tenant_id).value


def _with_secret(shown: ShownSecret, response: Response, side: CommandSide) -> EndpointSecretAnswer:
    executed = shown.executed
    where = {"revision": executed.revision, "position": executed.position}
    stamp(response, side, executed.state.tenant_id, **where)
    response.headers["Cache-Control"] = "no-store"
    return EndpointSecretAnswer(**endpoint_fields(executed.state), secret=shown.secret)
