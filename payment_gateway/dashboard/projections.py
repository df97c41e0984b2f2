"""The read models: where they are, and the steps from one generation to the next."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from itertools import groupby
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response

from payment_gateway.dashboard.rendering import page
from payment_gateway.dashboard.visitor import (
    ROOT,
    Doors,
    Visitor,
    back_to,
    doors_of,
    segment,
    sender_of,
    visitor_of,
)
from payment_gateway.presentation.in_process import ApiRefused

router = APIRouter(prefix=ROOT, include_in_schema=False)


class Step(StrEnum):
    """What may be done about a read model, as its REST interface calls it."""

    REBUILD = "rebuild"
    CANCEL = "cancel"
    VERIFY = "verify"
    ROLLBACK = "rollback"
    PAUSE = "pause"
    RESUME = "resume"


DONE: Final = {
    Step.REBUILD: "is being built anew.",
    Step.CANCEL: "is not built any more.",
    Step.VERIFY: "is being compared with the log.",
    Step.ROLLBACK: "shows the generation before again.",
    Step.PAUSE: "stands still.",
    Step.RESUME: "goes on.",
}
# Of these, the rebuild may be meant instead of what is shown.
OF_REBUILD: Final = frozenset({Step.PAUSE, Step.RESUME})


@router.get("/projections", response_model=None)
async def projections(visitor: Annotated[Visitor, Depends(visitor_of)]) -> Response:
    """Show each read model with its generations and its last verification."""
    found = (await visitor.api.get("/projections"))["data"]
    models = [
        (name, list(generations))
        for name, generations in groupby(
            sorted(found, key=lambda one: one["readModel"]), key=lambda one: one["readModel"]
        )
    ]
    verified = await asyncio.gather(*(_verification(visitor, name) for name, _ in models))
    return page(
        "projections.html",
        visitor,
        title="Projections",
        tick=2,
        models=[
            {
                "name": name,
                "generations": generations,
                "offered": _offered(generations, visitor),
                "verification": verification,
            }
            for (name, generations), verification in zip(models, verified, strict=True)
        ],
    )


@router.post("/projections/{name}/{step}", response_model=None)
async def take(
    *,
    name: str,
    step: Step,
    visitor: Annotated[Visitor, Depends(sender_of)],
    doors: Annotated[Doors, Depends(doors_of)],
    key: Annotated[str, Form(alias="idempotencyKey", min_length=1, max_length=255)],
    of_rebuild: Annotated[bool, Form(alias="rebuild")] = False,
) -> Response:
    """Take a step with a read model."""
    body = {"rebuild": of_rebuild} if step in OF_REBUILD else {}
    try:
        await visitor.api.post(f"/projections/{segment(name)}/{step}", body, idempotency_key=key)
    except ApiRefused as refusal:
        return back_to("/projections", f"{name}: {refusal.told}", doors, is_refusal=True)
    which = f"The rebuild of {name}" if of_rebuild and step in OF_REBUILD else name
    return back_to("/projections", f"{which} {DONE[step]}", doors)


async def _verification(visitor: Visitor, name: str) -> dict[str, Any] | None:
    """Return the last verification; ``None`` of a read model that this release does not know.

    What it found may be of any tenant, so a visitor of one tenant is shown none.
    """
    if visitor.has_tenant:
        return None
    try:
        return await visitor.api.get(f"/projections/{segment(name)}/verification")
    except ApiRefused as refusal:
        if refusal.status != 404:
            raise
        return None


def _offered(generations: list[dict[str, Any]], visitor: Visitor) -> list[tuple[Step, bool, str]]:
    """Return the steps that make sense: what, whether the rebuild is meant, and how it is called.

    It is what is offered; what is allowed is decided where it is done.
    """
    by_state = {one["state"]: one for one in generations}
    offered: list[tuple[Step, bool, str]] = []
    if "failed" in by_state:
        offered.append((Step.CANCEL, False, "Drop the failed rebuild"))
    elif (building := by_state.get("building")) is not None:
        step = Step.RESUME if building["paused"] else Step.PAUSE
        offered += [(step, True, f"{step.capitalize()} the rebuild")]
        offered += [(Step.CANCEL, False, "Give the rebuild up")]
    else:
        offered.append((Step.REBUILD, False, "Rebuild"))
    if (active := by_state.get("active")) is not None:
        if not visitor.has_tenant:
            offered.append((Step.VERIFY, False, "Verify"))
        step = Step.RESUME if active["paused"] else Step.PAUSE
        offered.append((step, False, step.capitalize()))
    if "previous" in by_state:
        offered.append((Step.ROLLBACK, False, "Roll back"))
    return offered
