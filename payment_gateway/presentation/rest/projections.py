"""The steps that operators take with read models: each is a command, and is kept with who took it and why."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi import Body as OfBody
from uuid_utils.compat import uuid7

from payment_gateway.application.operator_step import OperatorStep
from payment_gateway.application.services.stream_service import refuse_if_match
from payment_gateway.domain.value_objects.grant import ANY_TENANT
from payment_gateway.presentation.rest.access import Caller, requires
from payment_gateway.presentation.rest.administration import administration_context
from payment_gateway.presentation.rest.all_tenants import operator_of_all_tenants
from payment_gateway.presentation.rest.command_context import (
    CommandSide,
    command_side_of,
    stamp_position,
)
from payment_gateway.presentation.rest.idempotency import claim_of, idempotent
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

Taken = dict[str, Any]


class Desk(Protocol):
    """Where steps with read models are taken; see ``ProjectionDesk``."""

    async def rebuild(
        self,
        name: str,
        step: OperatorStep,
        *,
        partitions: int | None,
        rate_max: float | None,
        sample: int | None,
    ) -> Taken:
        """Begin to build it anew, or join whoever does."""
        ...

    async def cancel(self, name: str, step: OperatorStep) -> Taken:
        """Give its rebuild up."""
        ...

    async def rollback(self, name: str, step: OperatorStep) -> Taken:
        """Show the generation before again."""
        ...

    async def pause(self, name: str, step: OperatorStep, *, of_rebuild: bool) -> Taken:
        """Have it stand still."""
        ...

    async def resume(self, name: str, step: OperatorStep, *, of_rebuild: bool) -> Taken:
        """Have it go on."""
        ...

    async def verify(self, name: str, step: OperatorStep, *, sample: int | None) -> Taken:
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
    async with _step(request, response, caller, side, body) as step:
        return RebuildAnswer.model_validate(
            await desk.rebuild(
                name, step, partitions=body.partitions, rate_max=body.rate, sample=body.sample
            )
        )


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
    async with _step(request, response, caller, side, body) as step:
        return CancelAnswer.model_validate(await desk.cancel(name, step))


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
    async with _step(request, response, caller, side, body) as step:
        return RollbackAnswer.model_validate(await desk.rollback(name, step))


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
    async with _step(request, response, caller, side, body) as step:
        return PauseAnswer.model_validate(await desk.pause(name, step, of_rebuild=body.rebuild))


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
    async with _step(request, response, caller, side, body) as step:
        return PauseAnswer.model_validate(await desk.resume(name, step, of_rebuild=body.rebuild))


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
    async with _step(request, response, caller, side, body) as step:
        return VerificationAnswer.model_validate(await desk.verify(name, step, sample=body.sample))


@asynccontextmanager
async def _step(
    request: Request,
    response: Response,
    caller: Caller,
    side: CommandSide,
    body: StepBody,
) -> AsyncGenerator[OperatorStep, None]:
    """Yield a step, the same for the same key; once it is taken, say where the log is."""
    context = administration_context(request, caller, caller.tenant_id, side, reason=body.reason)
    refuse_if_match(context)
    claim = claim_of(request)
    yield OperatorStep(
        id=claim.derive("step") if claim else str(uuid7()),
        context=replace(context, tenant_id=ANY_TENANT),
    )
    stamp_position(response, side, caller.tenant_id, await desk_of(request).head())
