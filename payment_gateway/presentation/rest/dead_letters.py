"""What could not be handled, and what is to become of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool
from pydantic.alias_generators import to_camel
from uuid_utils.compat import uuid7

from payment_gateway.application.operator_step import OperatorStep
from payment_gateway.application.services.stream_service import refuse_if_match
from payment_gateway.presentation.rest.access import Caller
from payment_gateway.presentation.rest.all_tenants import operator_of_all_tenants
from payment_gateway.presentation.rest.command_context import (
    CommandSide,
    command_side_of,
    context_of,
    stamp_position,
)
from payment_gateway.presentation.rest.idempotency import claim_of, idempotent
from payment_gateway.presentation.rest.json_body import ExactJsonRoute
from payment_gateway.presentation.rest.limits import (
    ACT_REASON_LENGTH_MAX,
)
from payment_gateway.presentation.rest.read_your_writes import Asking
from payment_gateway.presentation.rest.schemas import Body

LETTER_ID_LENGTH_MAX = 300
StepFor = Callable[[str], OperatorStep]


class Desk(Protocol):
    """Where what is parked is taken up; see ``DeadLetterDesk``."""

    async def all(self) -> list[dict[str, Any]]:
        """Return all of it."""
        ...

    async def show(self, letter_id: str) -> dict[str, Any]:
        """Return one, with the documents that it concerns."""
        ...

    async def replay(self, letter_id: str, step_for: StepFor, *, dry_run: bool) -> dict[str, Any]:
        """Handle it again, or say what that would change."""
        ...

    async def discard(self, letter_id: str, reason: str, step_for: StepFor) -> dict[str, Any]:
        """Decide that it is never handled."""
        ...

    async def head(self) -> int:
        """Return the position of the log's last event."""
        ...


def desk_of(request: Request) -> Desk:
    """Return what the application was opened with."""
    desk: Desk = request.app.state.dead_letters
    return desk


class ReplayBody(Body):
    """Whether it is done or only shown."""

    dry_run: Annotated[StrictBool, Field(description="Only say what it would change.")] = False


class DiscardBody(Body):
    """Why it is never to be handled: kept with the decision."""

    reason: Annotated[
        str, Field(min_length=1, max_length=ACT_REASON_LENGTH_MAX, examples=["sent for a test"])
    ]


class LetterAnswer(BaseModel):
    """What a subscription has parked of one stream, or one notification of a provider."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")

    id: str
    kind: str = Field(description="`projection`, `reactor` or `notification`.")
    type: str = Field(description="The stored name of the first event.")
    cause: str


class LetterPage(BaseModel):
    """All that is parked."""

    model_config = LetterAnswer.model_config

    data: list[LetterAnswer]
    next_cursor: str | None = None


class DocumentsAnswer(LetterAnswer):
    """One of them, with the documents that it concerns as they are."""

    documents: dict[str, Any]


class ReplayAnswer(BaseModel):
    """What handling it changed, or would change."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    id: str
    dry_run: bool
    events: int
    changes: list[dict[str, Any]] = Field(description="Of `document`, `field`, `before`, `after`.")


class DiscardAnswer(BaseModel):
    """How many events are never handled."""

    id: str
    events: int


router = APIRouter(prefix="/api/v1/deadletters", tags=["dead letters"], route_class=ExactJsonRoute)
Operator = Annotated[Caller, Depends(operator_of_all_tenants)]
Side = Annotated[CommandSide, Depends(command_side_of)]
At = Annotated[Desk, Depends(desk_of)]
LetterId = Annotated[str, Path(alias="letterId", max_length=LETTER_ID_LENGTH_MAX)]


@router.get("")
async def list_(caller: Operator, side: Side, asked: Asking, desk: At) -> LetterPage:
    """List what is parked: the events of a stream together, and notifications of providers."""
    await asked.shown_by(side.known_notifications, tenant_id=caller.tenant_id)
    return LetterPage(data=[LetterAnswer.model_validate(one) for one in await desk.all()])


@router.get("/{letterId}", dependencies=[Depends(operator_of_all_tenants)])
async def show(letter_id: LetterId, desk: At, _: Asking) -> DocumentsAnswer:
    """Show why something is parked, and the documents that it concerns as they are."""
    return DocumentsAnswer.model_validate(await desk.show(letter_id))


@router.post("/{letterId}/replay")
@idempotent
async def replay(
    *,
    letter_id: LetterId,
    body: ReplayBody,
    request: Request,
    response: Response,
    caller: Operator,
    side: Side,
    desk: At,
) -> ReplayAnswer:
    """Handle what is parked again, in order: all of it, or where that fails, nothing."""
    replayed = await desk.replay(letter_id, _steps(request, caller, side), dry_run=body.dry_run)
    stamp_position(response, side, caller.tenant_id, await desk.head())
    return ReplayAnswer.model_validate(replayed)


@router.post("/{letterId}/discard")
@idempotent
async def discard(
    *,
    letter_id: LetterId,
    body: DiscardBody,
    request: Request,
    response: Response,
    caller: Operator,
    side: Side,
    desk: At,
) -> DiscardAnswer:
    """Decide that what is parked is never handled. It is final; the events stay in the log."""
    discarded = await desk.discard(letter_id, body.reason, _steps(request, caller, side))
    stamp_position(response, side, caller.tenant_id, await desk.head())
    return DiscardAnswer.model_validate(discarded)


def _steps(request: Request, caller: Caller, side: CommandSide) -> StepFor:
    """Return the step and who takes it, for each tenant; a letter has no revision for ``If-Match``."""
    claim = claim_of(request)
    step_id = claim.derive("step") if claim else str(uuid7())

    def step_for(tenant_id: str) -> OperatorStep:
        context = context_of(request, caller, tenant_id, side)
        refuse_if_match(context)
        return OperatorStep(id=step_id, context=context)

    return step_for
