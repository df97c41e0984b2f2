"""REST for operations: where the read models are, and the steps from one generation to the next.

Annotations are evaluated here, not postponed: those of the routes name what the router was given.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Path, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from payment_gateway.infrastructure.persistence.event_log import EventLog
from payment_gateway.infrastructure.persistence.mongodb import Database, Document
from projections import registry, rollback, verifications
from projections.generations import PARTITIONS_MAX
from projections.query_context import Dependency
from projections.read_model import ReadModel
from projections.rebuild import Plan, begin_or_join
from projections.registry import generation_in
from projections.status import status_of_all
from projections.worker import READ_MODELS, select

NAME_LENGTH_MAX: Final = 100
SAMPLE_MAX: Final = 1_000_000
RATE_MIN: Final = 0.1
RATE_MAX: Final = 1_000_000

Name = Annotated[str, Path(max_length=NAME_LENGTH_MAX, description="The read model.")]
Answer = dict[str, Any]
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    409: {"description": "Not in a state that allows this"}
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionSide:
    """What these routes work on."""

    database: Database
    log: EventLog


class _Request(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True
    )


class RebuildRequest(_Request):
    """How a read model is to be built; what is left out is left to the gateway."""

    partitions: int | None = Field(default=None, ge=1, le=PARTITIONS_MAX)
    rate: float | None = Field(
        default=None, ge=RATE_MIN, le=RATE_MAX, description="Events a second at most."
    )
    sample: int | None = Field(
        default=None, ge=1, le=SAMPLE_MAX, description="Documents that are verified."
    )


class VerifyRequest(_Request):
    """How much is compared."""

    sample: int | None = Field(
        default=None, ge=1, le=SAMPLE_MAX, description="About so many documents."
    )


class PauseRequest(_Request):
    """What is to stand still or go on."""

    rebuild: bool = Field(default=False, description="The rebuild, not what is shown.")


def create_projections_router(
    *,
    operator: Dependency,
    side: Dependency,
    of_all_tenants: Dependency,
    sees_all_tenants: Callable[[Request], bool],
    route_class: type[APIRoute] = APIRoute,
) -> APIRouter:
    """Return the routes.

    Args:
        operator: A FastAPI dependency that refuses whoever is no operator.
        side: A FastAPI dependency that returns a ``ProjectionSide``.
        of_all_tenants: A FastAPI dependency that refuses whoever speaks for one tenant alone.
        sees_all_tenants: Whether a request is of somebody who speaks for all.
        route_class: How bodies are read.
    """
    router = APIRouter(
        prefix="/api/v1/projections",
        tags=["projections"],
        dependencies=[Depends(operator)],
        route_class=route_class,
        responses=_REFUSALS,
    )
    _add_looking(router, side, sees_all_tenants)
    _add_verification(router, side, of_all_tenants)
    _add_building(router, side)
    _add_steps(router, side)
    return router


def _add_looking(
    router: APIRouter, side: Dependency, sees_all_tenants: Callable[[Request], bool]
) -> None:
    @router.get("")
    async def list_projections(
        request: Request, at: Annotated[ProjectionSide, Depends(side)]
    ) -> Answer:
        """Show each generation of each read model: position, head, lag, state, version."""
        found = [one.as_json() for one in await status_of_all(at.database, at.log, READ_MODELS)]
        if not sees_all_tenants(request):
            # What differed stands there with its values, and those are a tenant's.
            found = [{**one, "failure": None} for one in found]
        return {"data": found, "nextCursor": None}


def _add_verification(router: APIRouter, side: Dependency, of_all_tenants: Dependency) -> None:
    alone = [Depends(of_all_tenants)]

    @router.get("/{name}/verification", dependencies=alone)
    async def get_verification(name: Name, at: Annotated[ProjectionSide, Depends(side)]) -> Answer:
        """Show the last verification that was asked for here."""
        model = _model(name)
        return _verification(model.name, await verifications.last(at.database, model.name))

    @router.post("/{name}/verify", status_code=202, dependencies=alone)
    async def verify(
        name: Name,
        at: Annotated[ProjectionSide, Depends(side)],
        wanted: Annotated[VerifyRequest, Body()] = VerifyRequest(),  # noqa: B008 - frozen
    ) -> Answer:
        """Have a worker compare what is shown with the log."""
        model = _model(name)
        noted = await verifications.ask(at.database, model, sample=wanted.sample)
        return _verification(model.name, noted)


def _add_building(router: APIRouter, side: Dependency) -> None:
    @router.post("/{name}/rebuild", status_code=202)
    async def rebuild(
        name: Name,
        at: Annotated[ProjectionSide, Depends(side)],
        wanted: Annotated[RebuildRequest, Body()] = RebuildRequest(),  # noqa: B008 - frozen
    ) -> Answer:
        """Have the workers build it anew; verified, it takes the place of what is shown."""
        plan = Plan(partitions=wanted.partitions, rate_max=wanted.rate, sample=wanted.sample)
        begun = await begin_or_join(at.database, _model(name), plan)
        return {"readModel": name, "generation": begun.number, "partitions": begun.partitions}

    @router.post("/{name}/cancel")
    async def cancel(name: Name, at: Annotated[ProjectionSide, Depends(side)]) -> Answer:
        """Give the rebuild up, and drop what it built."""
        given_up = await rollback.cancel(at.database, _model(name))
        return {"readModel": name, "cancelled": given_up.number}


def _add_steps(router: APIRouter, side: Dependency) -> None:
    @router.post("/{name}/rollback")
    async def go_back(name: Name, at: Annotated[ProjectionSide, Depends(side)]) -> Answer:
        """Show the generation before again."""
        now, before = await rollback.rollback(at.database, at.log, _model(name))
        return {"readModel": name, "active": now.number, "previous": before.number}

    @router.post("/{name}/pause")
    async def pause(
        name: Name,
        at: Annotated[ProjectionSide, Depends(side)],
        wanted: Annotated[PauseRequest, Body()] = PauseRequest(),  # noqa: B008 - frozen
    ) -> Answer:
        """Have it stand still; nothing is lost."""
        return await _pause(at.database, _model(name), paused=True, of_rebuild=wanted.rebuild)

    @router.post("/{name}/resume")
    async def resume(
        name: Name,
        at: Annotated[ProjectionSide, Depends(side)],
        wanted: Annotated[PauseRequest, Body()] = PauseRequest(),  # noqa: B008 - frozen
    ) -> Answer:
        """Have it go on where it stood still."""
        return await _pause(at.database, _model(name), paused=False, of_rebuild=wanted.rebuild)


async def _pause(database: Database, model: ReadModel, *, paused: bool, of_rebuild: bool) -> Answer:
    if of_rebuild:
        building = await generation_in(database, model, "building")
        await registry.change_building(database, building, paused=paused)
    else:
        await registry.pause(database, model, paused=paused)
    return {"readModel": model.name, "rebuild": of_rebuild, "paused": paused}


def _verification(name: str, noted: Document | None) -> Answer:
    known: Mapping[str, Any] = noted or {}
    return {
        "readModel": name,
        "state": known.get("state", "never"),
        "sample": known.get("sample"),
        "askedAt": _time(known.get("askedAt")),
        "doneAt": _time(known.get("doneAt")),
        "report": known.get("report"),
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _model(name: str) -> ReadModel:
    return select([name])[0]
