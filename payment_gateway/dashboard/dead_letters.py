"""What could not be handled: why, what handling it now would change, and what is to become of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response

from payment_gateway.dashboard.rendering import page
from payment_gateway.dashboard.shown import until_shown
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

Looking = Annotated[Visitor, Depends(visitor_of)]
Sender = Annotated[Visitor, Depends(sender_of)]
Open = Annotated[Doors, Depends(doors_of)]
Key = Annotated[str, Form(alias="idempotencyKey", min_length=1, max_length=255)]


@router.get("/dead-letters", response_model=None)
async def dead_letters(visitor: Looking) -> Response:
    """List what is parked."""
    found = await visitor.api.get("/deadletters")
    return page("dead_letters.html", visitor, title="Dead letters", letters=found["data"], tick=5)


@router.get("/dead-letters/{letter_id}", response_model=None)
async def dead_letter(letter_id: str, visitor: Looking) -> Response:
    """Show one of them, with the documents that it concerns as they are."""
    return await _shown(letter_id, visitor, tried=None, refused=None)


@router.post("/dead-letters/{letter_id}/try", response_model=None)
async def attempt(letter_id: str, visitor: Sender) -> Response:
    """Show what handling it now would change; nothing is changed."""
    path = f"/deadletters/{segment(letter_id)}/replay"
    try:
        tried = await visitor.api.post(path, {"dryRun": True})
    except ApiRefused as refusal:
        if refusal.status != 409:
            raise
        return await _shown(letter_id, visitor, tried=None, refused=refusal)
    return await _shown(letter_id, visitor, tried=tried.body, refused=None)


@router.post("/dead-letters/{letter_id}/replay", response_model=None)
async def replay(letter_id: str, visitor: Sender, doors: Open, key: Key) -> Response:
    """Handle it again."""
    try:
        done = await _take("replay", {"dryRun": False}, letter_id, visitor=visitor, key=key)
    except ApiRefused as refusal:
        return _refused(letter_id, refusal, doors)
    return back_to("/dead-letters", f"{_count(done)} of {letter_id} handled.", doors)


@router.post("/dead-letters/{letter_id}/discard", response_model=None)
async def discard(
    *,
    letter_id: str,
    visitor: Sender,
    doors: Open,
    key: Key,
    reason: Annotated[str, Form(min_length=1, max_length=500)],
) -> Response:
    """Decide that it is never handled."""
    try:
        done = await _take("discard", {"reason": reason}, letter_id, visitor=visitor, key=key)
    except ApiRefused as refusal:
        return _refused(letter_id, refusal, doors)
    return back_to("/dead-letters", f"{_count(done)} of {letter_id} discarded.", doors)


async def _take(
    step: str, body: dict[str, Any], letter_id: str, *, visitor: Visitor, key: str
) -> dict[str, Any]:
    """Take a step with what is parked, and wait until the list tells of it.

    Notifications are listed by a reactor, an instant after the event; one that is replayed may be parked anew.

    Raises:
        ApiRefused: It was not taken.
    """
    before = await _parked_at(letter_id, visitor)
    path = f"/deadletters/{segment(letter_id)}/{step}"
    done = await visitor.api.post(path, body, idempotency_key=key)

    async def is_shown() -> bool:
        return await _parked_at(letter_id, visitor) != before

    if before is not None:
        await until_shown(is_shown)
    return done.body


async def _parked_at(letter_id: str, visitor: Visitor) -> str | None:
    """Return since when it is parked; ``None`` where it is not listed."""
    letters = (await visitor.api.get("/deadletters"))["data"]
    return next((one["parkedAt"] for one in letters if one["id"] == letter_id), None)


async def _shown(
    letter_id: str,
    visitor: Visitor,
    *,
    tried: dict[str, Any] | None,
    refused: ApiRefused | None,
) -> Response:
    letter = await visitor.api.get(f"/deadletters/{segment(letter_id)}")
    return page(
        "dead_letter.html",
        visitor,
        title="Dead letter",
        within="Dead letters",
        letter=letter,
        tried=tried,
        refused=refused,
        code=409 if refused else 200,
    )


def _refused(letter_id: str, refusal: ApiRefused, doors: Doors) -> Response:
    text = refusal.told
    where = "/dead-letters" if refusal.status == 404 else f"/dead-letters/{letter_id}"
    return back_to(where, text, doors, is_refusal=True)


def _count(done: dict[str, Any]) -> str:
    return "1 event" if done["events"] == 1 else f"{done['events']} events"
