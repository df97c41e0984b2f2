"""REST for operations: where the read models are. The steps with them are commands, and not here.

Annotations are evaluated here, not postponed: those of the routes name what the router was given.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request

from payment_gateway.infrastructure.messaging.events_behind import EventsBehind
from payment_gateway.infrastructure.persistence.event_log import EventLog
from payment_gateway.infrastructure.persistence.mongodb import Database
from projections import verifications
from projections.query_context import Dependency
from projections.status import status_of_all
from projections.worker import READ_MODELS, select

NAME_LENGTH_MAX: Final = 100

Name = Annotated[str, Path(max_length=NAME_LENGTH_MAX, description="The read model.")]
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionSide:
    """What these routes work on."""

    database: Database
    log: EventLog
    counted: EventsBehind


def create_projections_router(
    *,
    operator: Dependency,
    side: Dependency,
    of_all_tenants: Dependency,
    sees_all_tenants: Callable[[Request], bool],
) -> APIRouter:
    """Return the routes.

    Args:
        operator: A FastAPI dependency that refuses whoever is no operator.
        side: A FastAPI dependency that returns a ``ProjectionSide``.
        of_all_tenants: A FastAPI dependency that refuses whoever speaks for one tenant alone.
        sees_all_tenants: Whether a request is of somebody who speaks for all.
    """
    router = APIRouter(
        prefix="/api/v1/projections",
        tags=["projections"],
        dependencies=[Depends(operator)],
    )
    _add_looking(router, side, sees_all_tenants)
    _add_verification(router, side, of_all_tenants)
    return router


def _add_looking(
    router: APIRouter, side: Dependency, sees_all_tenants: Callable[[Request], bool]
) -> None:
    @router.get("")
    async def list_projections(
        request: Request, at: Annotated[ProjectionSide, Depends(side)]
    ) -> Answer:
        """Show each generation of each read model: position, head, lag, state, version."""
        all_of_them = await status_of_all(at.database, at.log, READ_MODELS, counted=at.counted)
        found = [one.as_json() for one in all_of_them]
        if not sees_all_tenants(request):
            # What differed stands there with its values, and those are a tenant's.
            found = [{**one, "failure": None} for one in found]
        return {"data": found, "nextCursor": None}


def _add_verification(router: APIRouter, side: Dependency, of_all_tenants: Dependency) -> None:
    @router.get("/{name}/verification", dependencies=[Depends(of_all_tenants)])
    async def get_verification(name: Name, at: Annotated[ProjectionSide, Depends(side)]) -> Answer:
        """Show the last verification that was asked for here."""
        (model,) = select([name])
        noted = await verifications.last(at.database, model.name)
        return verifications.as_json(model.name, noted)
