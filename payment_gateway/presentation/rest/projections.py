"""The steps that operators take with read models: each is a command, and is kept with who took it and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi import Body as OfBody

from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.value_objects.grant import ANY_TENANT
from payment_gateway.presentation.rest.access import Caller, requires
from payment_gateway.presentation.rest.administration import administration_context
from payment_gateway.presentation.rest.all_tenants import operator_of_all_tenants
from payment_gateway.presentation.rest.command_context import (
    CommandSide,
    command_side_of,
    stamp_position,
)
from payment_gateway.presentation.rest.idempotency import idempotent
from payment_gateway.presentation.rest.json_body import OptionalJsonRoute
from payment_gateway.presentation.rest.limits import READ_MODEL_NAME_LENGTH_MAX
from payment_gateway.presentation.rest.projection_schemas import (
    CancelAnswer,
    PauseAnswer,
    PauseRequest,
    RebuildAnswer,
    RebuildRequest,
    RollbackAnswer,
    StepBody,
    VerificationAnswer,
    VerifyRequest,
)

Step = dict[str, Any]


class Desk(Protocol):
    """Where steps with read models are taken; see ``ProjectionDesk``."""

    async def rebuild(
        self,
        name: str,
        context: CommandContext,
        *,
        partitions: int | None,
        rate_max: float | None,
        sample: int | None,
    ) -> Step:
        """Begin to build it anew, or join whoever does."""
        ...

    async def cancel(self, name: str, context: CommandContext) -> Step:
        """Give its rebuild up."""
        ...

    async def rollback(self, name: str, context: CommandContext) -> Step:
        """Show the generation before again."""
        ...

    async def pause(self, name: str, context: CommandContext, *, of_rebuild: bool) -> Step:
        """Have it stand still."""
        ...

    async def resume(self, name: str, context: CommandContext, *, of_rebuild: bool) -> Step:
        """Have it go on."""
        ...

    async def verify(self, name: str, context: CommandContext, *, sample: int | None) -> Step:
        """Have a worker compare it with the log."""
        ...

    async def head(self) -> int:
        """Return the position of the log's last event."""
        ...


def desk_of(request: Request) -> Desk:
    """Return what the application was opened with."""
    desk: Desk = request.app.state.projection_desk
    return desk


_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    409: {"description": "Not in a state that allows this"}
}
router = APIRouter(
    prefix="/api/v1/projections",
    tags=["projections"],
    route_class=OptionalJsonRoute,
    responses=_REFUSALS,
)
Operator = Annotated[Caller, Depends(requires("operator"))]
OperatorOfAll = Annotated[Caller, Depends(operator_of_all_tenants)]
Side = Annotated[CommandSide, Depends(command_side_of)]
At = Annotated[Desk, Depends(desk_of)]
Name = Annotated[str, Path(max_length=READ_MODEL_NAME_LENGTH_MAX, description="The read model.")]
# Frozen, so that one may be everybody's.
_NO_REASON: Final = StepBody()
_AS_THE_GATEWAY_SEES_FIT: Final = RebuildRequest()
_WHAT_IS_SHOWN: Final = PauseRequest()
_ALL_OF_IT: Final = VerifyRequest()


@router.post("/{name}/rebuild", status_code=202)
@idempotent
async def rebuild(
    *,
    name: Name,
    request: Request,
    response: Response,
    caller: Operator,
    side: Side,
    desk: At,
    body: Annotated[RebuildRequest, OfBody()] = _AS_THE_GATEWAY_SEES_FIT,
) -> RebuildAnswer:
    """Have the workers build it anew; verified, it takes the place of what is shown."""
    context = _context(request, caller, side, body)
    begun = await desk.rebuild(
        name, context, partitions=body.partitions, rate_max=body.rate, sample=body.sample
    )
    stamp_position(response, side, caller.tenant_id, await desk.head())
    return RebuildAnswer.model_validate(begun)


@router.post("/{name}/cancel")
@idempotent
async def cancel(
    *,
    name: Name,
    request: Request,
    response: Response,
    caller: Operator,
    side: Side,
    desk: At,
    body: Annotated[StepBody, OfBody()] = _NO_REASON,
) -> CancelAnswer:
    """Give the rebuild up, and drop what it built."""
    cancelled = await desk.cancel(name, _context(request, caller, side, body))
    stamp_position(response, side, caller.tenant_id, await desk.head())
    return CancelAnswer.model_validate(cancelled)


@router.post("/{name}/rollback")
@idempotent
async def rollback(
    *,
    name: Name,
    request: Request,
    response: Response,
    caller: Operator,
    side: Side,
    desk: At,
    body: Annotated[StepBody, OfBody()] = _NO_REASON,
) -> RollbackAnswer:
    """Show the generation before again."""
    shown = await desk.rollback(name, _context(request, caller, side, body))
    stamp_position(response, side, caller.tenant_id, await desk.head())
    return RollbackAnswer.model_validate(shown)


@router.post("/{name}/pause")
@idempotent
async def pause(
    *,
    name: Name,
    request: Request,
    response: Response,
    caller: Operator,
    side: Side,
    desk: At,
    body: Annotated[PauseRequest, OfBody()] = _WHAT_IS_SHOWN,
) -> PauseAnswer:
    """Have it stand still; nothing is lost."""
    context = _context(request, caller, side, body)
    paused = await desk.pause(name, context, of_rebuild=body.rebuild)
    stamp_position(response, side, caller.tenant_id, await desk.head())
    return PauseAnswer.model_validate(paused)


@router.post("/{name}/resume")
@idempotent
async def resume(
    *,
    name: Name,
    request: Request,
    response: Response,
    caller: Operator,
    side: Side,
    desk: At,
    body: Annotated[PauseRequest, OfBody()] = _WHAT_IS_SHOWN,
) -> PauseAnswer:
    """Have it go on where it stood still."""
    context = _context(request, caller, side, body)
    resumed = await desk.resume(name, context, of_rebuild=body.rebuild)
    stamp_position(response, side, caller.tenant_id, await desk.head())
    return PauseAnswer.model_validate(resumed)


@router.post("/{name}/verify", status_code=202)
@idempotent
async def verify(
    *,
    name: Name,
    request: Request,
    response: Response,
    caller: OperatorOfAll,
    side: Side,
    desk: At,
    body: Annotated[VerifyRequest, OfBody()] = _ALL_OF_IT,
) -> VerificationAnswer:
    """Have a worker compare what is shown with the log."""
    context = _context(request, caller, side, body)
    asked = await desk.verify(name, context, sample=body.sample)
    stamp_position(response, side, caller.tenant_id, await desk.head())
    return VerificationAnswer.model_validate(asked)


def _context(request: Request, caller: Caller, side: CommandSide, body: StepBody) -> CommandContext:
    """Return who takes a step and why: read models belong to all tenants, whoever takes it."""
    context = administration_context(request, caller, caller.tenant_id, side, reason=body.reason)
    return replace(context, tenant_id=ANY_TENANT)
