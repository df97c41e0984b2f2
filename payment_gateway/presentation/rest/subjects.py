"""Forgetting the people whose data payments carry."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from payment_gateway.application.services.stream_service import refuse_if_match
from payment_gateway.presentation.rest.access import Caller, requires
from payment_gateway.presentation.rest.administration import administration_context
from payment_gateway.presentation.rest.command_context import (
    CommandSide,
    command_side_of,
    stamp_position,
)
from payment_gateway.presentation.rest.idempotency import idempotent
from payment_gateway.presentation.rest.json_body import ExactJsonRoute
from payment_gateway.presentation.rest.schemas import ForgetSubjectBody, ForgottenAnswer

router = APIRouter(prefix="/api/v1/subjects", tags=["subjects"], route_class=ExactJsonRoute)


@router.post("/forget")
@idempotent
async def forget(
    body: ForgetSubjectBody,
    request: Request,
    response: Response,
    caller: Annotated[Caller, Depends(requires("admin"))],
    side: Annotated[CommandSide, Depends(command_side_of)],
) -> ForgottenAnswer:
    """Make what is kept of a person unreadable for good; again changes nothing.

    Amounts and history stay. Nothing personal is left in events, read models, caches and the log of
    deliveries, nor in what is copied from them after this.
    """
    context = administration_context(request, caller, body.tenant_id, side, reason=body.reason)
    refuse_if_match(context)
    subject = await side.gateway.subjects.forget(body.reference, context)
    assert subject.forgotten_at is not None, "who was forgotten was so at some time"
    stamp_position(response, side, body.tenant_id, subject.position)
    return ForgottenAnswer(tenant_id=body.tenant_id, forgotten_at=subject.forgotten_at)
