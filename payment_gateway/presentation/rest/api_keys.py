"""API keys: made, listed, replaced and withdrawn; a secret is shown once, to whoever made it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import AwareDatetime, Field

from payment_gateway.application.services.api_key_service import (
    OVERLAP_DEFAULT,
    OVERLAP_MAX,
    IssuedApiKey,
)
from payment_gateway.application.services.stream_service import Executed, refuse_if_match
from payment_gateway.domain.aggregates.api_key import ApiKey
from payment_gateway.domain.events.api_key import ApiKeyEvent
from payment_gateway.domain.value_objects.grant import ANY_TENANT, GrantVO
from payment_gateway.presentation.rest.access import Caller, requires
from payment_gateway.presentation.rest.administration import (
    Cursor,
    Reason,
    administration_context,
    decode_after,
    encode_after,
)
from payment_gateway.presentation.rest.command_context import (
    CommandSide,
    command_side_of,
    stamp,
)
from payment_gateway.presentation.rest.idempotency import claim_of, idempotent
from payment_gateway.presentation.rest.json_body import ExactJsonRoute
from payment_gateway.presentation.rest.limits import (
    API_KEY_NAME_LENGTH_MAX,
    ID_LENGTH_MAX,
    PAGE_SIZE_DEFAULT,
    PAGE_SIZE_MAX,
    ROLE_LENGTH_MAX,
    ROLES_MAX,
)
from payment_gateway.presentation.rest.read_your_writes import Asking
from payment_gateway.presentation.rest.schemas import Answer, ReasonBody, TenantId

router = APIRouter(prefix="/api/v1/apikeys", tags=["api keys"], route_class=ExactJsonRoute)
Admin = Annotated[Caller, Depends(requires("admin"))]
Reader = Annotated[Caller, Depends(requires("admin", "auditor"))]
Side = Annotated[CommandSide, Depends(command_side_of)]
KeyId = Annotated[str, Path(alias="id", max_length=ID_LENGTH_MAX)]


class CreateApiKeyBody(ReasonBody):
    """A new key: one tenant, or ``*`` for operator, admin and auditor; one or more roles."""

    tenant_id: TenantId
    roles: Annotated[
        list[Annotated[str, Field(max_length=ROLE_LENGTH_MAX)]],
        Field(min_length=1, max_length=ROLES_MAX, examples=[["order-service", "viewer"]]),
    ]
    name: (
        Annotated[str, Field(min_length=1, max_length=API_KEY_NAME_LENGTH_MAX, examples=["Shop"])]
        | None
    ) = None
    expires_at: Annotated[AwareDatetime, Field(strict=False)] | None = None


class RotateApiKeyBody(ReasonBody):
    """How long the secret before is accepted as well, in seconds."""

    overlap_seconds: Annotated[int, Field(ge=0, le=int(OVERLAP_MAX.total_seconds()))] = int(
        OVERLAP_DEFAULT.total_seconds()
    )


_AS_USUAL: Final = RotateApiKeyBody()


class ApiKeyAnswer(Answer):
    """What may be known of a key. Its status is ``ACTIVE``, ``EXPIRED`` or ``REVOKED``."""

    id: str
    prefix: str
    tenant_id: str
    roles: list[str]
    name: str | None
    status: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    previous_prefix: str | None
    previous_until: datetime | None
    last_used_at: datetime | None


class IssuedApiKeyAnswer(ApiKeyAnswer):
    """A key with its secret, which is shown this once."""

    key: str | None = Field(description="Null in a repetition under the same `Idempotency-Key`.")


class ApiKeyPage(Answer):
    """Keys in the order they were made."""

    data: list[ApiKeyAnswer]
    next_cursor: str | None


@router.post("", status_code=201)
@idempotent
async def create(
    body: CreateApiKeyBody,
    request: Request,
    response: Response,
    caller: Admin,
    side: Side,
) -> IssuedApiKeyAnswer:
    """Make a key; no answer ever shows it again."""
    grant = GrantVO.parse(body.tenant_id, body.roles)
    context = administration_context(request, caller, grant.tenant_id, side, reason=body.reason)
    refuse_if_match(context)
    if grant.tenant_id != ANY_TENANT:
        await side.gateway.tenants.find(grant.tenant_id)
    claim = claim_of(request)
    issued = await side.gateway.api_keys.create(
        grant,
        name=body.name,
        expires_at=body.expires_at,
        context=context,
        api_key_id=claim.derive("api-key") if claim else None,
    )
    return _issued(issued, context.at, response, side)


@router.get("")
async def list_(
    *,
    request: Request,
    caller: Reader,
    side: Side,
    asked: Asking,
    limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE_DEFAULT,
    cursor: Cursor = None,
) -> ApiKeyPage:
    """List the keys of the caller's tenant, of all where the caller is of all; no secret among it."""
    await asked.shown_by(side.known_access, tenant_id=caller.tenant_id)
    keys = sorted(side.gateway.api_keys.every(caller.tenant_id), key=_place)
    after = decode_after(cursor)
    left = [key for key in keys if _place(key) > after]
    page = left[:limit]
    uses = await request.app.state.application.last_uses([key.api_key_id for key in page])
    now = side.gateway.now()
    more = len(left) > limit
    return ApiKeyPage(
        data=[ApiKeyAnswer(**_shown(key, now, uses)) for key in page],
        next_cursor=encode_after(_place(page[-1])) if more else None,
    )


@router.delete("/{id}")
@idempotent
async def revoke(
    *,
    api_key_id: KeyId,
    request: Request,
    response: Response,
    caller: Admin,
    side: Side,
    reason: Reason = None,
) -> ApiKeyAnswer:
    """Accept a key no more; doing so again changes nothing."""
    context = administration_context(request, caller, caller.tenant_id, side, reason=reason)
    revoked = await side.gateway.api_keys.revoke(api_key_id, context)
    _stamp(response, side, revoked)
    return ApiKeyAnswer(**_shown(revoked.state, context.at))


@router.post("/{id}/rotate")
@idempotent
async def rotate(
    *,
    api_key_id: KeyId,
    request: Request,
    response: Response,
    caller: Admin,
    side: Side,
    body: RotateApiKeyBody = _AS_USUAL,
) -> IssuedApiKeyAnswer:
    """Give a key another secret; for a while the one before is accepted as well."""
    context = administration_context(request, caller, caller.tenant_id, side, reason=body.reason)
    overlap = timedelta(seconds=body.overlap_seconds)
    issued = await side.gateway.api_keys.rotate(api_key_id, overlap=overlap, context=context)
    return _issued(issued, context.at, response, side)


def _place(key: ApiKey) -> str:
    """Return where in the list a key is: in the order that they were made."""
    made_at = key.created_at.astimezone(UTC).isoformat(timespec="microseconds")
    return f"{made_at} {key.api_key_id}"


def _issued(
    issued: IssuedApiKey, now: datetime, response: Response, side: CommandSide
) -> IssuedApiKeyAnswer:
    _stamp(response, side, issued.executed)
    return IssuedApiKeyAnswer(key=issued.secret, **_shown(issued.api_key, now))


def _stamp(response: Response, side: CommandSide, executed: Executed[ApiKey, ApiKeyEvent]) -> None:
    where = {"revision": executed.revision, "position": executed.position}
    stamp(response, side, executed.state.tenant_id, **where)


def _shown(
    key: ApiKey, now: datetime, uses: Mapping[str, datetime] | None = None
) -> dict[str, object]:
    current, *before = key.secrets
    previous = before[0] if before and (before[0].until or now) > now else None
    return {
        "id": key.api_key_id,
        "prefix": current.prefix,
        "tenant_id": key.tenant_id,
        "roles": list(key.roles),
        "name": key.name,
        "status": key.status(now),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "previous_prefix": previous and previous.prefix,
        "previous_until": previous and previous.until,
        "last_used_at": (uses or {}).get(key.api_key_id),
    }
