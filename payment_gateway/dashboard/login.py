"""Logging in with an API key, and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from payment_gateway.dashboard.rendering import page
from payment_gateway.dashboard.visitor import (
    ROOT,
    Doors,
    Visitor,
    client_of,
    doors_of,
    log_in,
    log_out,
    sender_of,
)
from payment_gateway.presentation.in_process import Api, ApiRefused

router = APIRouter(prefix=ROOT, include_in_schema=False)
Open = Annotated[Doors, Depends(doors_of)]


@router.get("/login", response_model=None)
async def ask() -> Response:
    """Ask for a key."""
    return page("login.html", None, title="Log in", refused="")


@router.post("/login", response_model=None)
async def enter(
    request: Request, doors: Open, key: Annotated[str, Form(max_length=4_000)]
) -> Response:
    """Begin a session with a key that the REST interface accepts.

    It is asked from the browser's address, so that whoever guesses is held up here as there.
    """
    api = Api(app=request.app, key=key.strip(), client=client_of(request))
    try:
        await api.get("/")
    except ApiRefused as refusal:
        if refusal.status in {401, 429}:
            told = "This key is not accepted." if refusal.status == 401 else refusal.detail
            return page("login.html", None, title="Log in", refused=told, code=refusal.status)
    response = RedirectResponse(ROOT, status_code=303)
    log_in(response, doors.cookies.new_session(key.strip(), doors.now()), doors)
    return response


@router.post("/logout", response_model=None)
async def leave(visitor: Annotated[Visitor, Depends(sender_of)]) -> Response:  # noqa: ARG001 - whoever sends it
    """End the session."""
    response = RedirectResponse(f"{ROOT}/login", status_code=303)
    log_out(response)
    return response
