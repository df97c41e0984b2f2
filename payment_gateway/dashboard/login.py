"""Logging in with a key, and out."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from payment_gateway.dashboard.rendering import page
from payment_gateway.dashboard.session import TooLongForACookie
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


TOO_LONG: Final = "This token is too long for a cookie of a browser. Have its issuer put less into it, or log in with an API key."


def asking(doors: Doors, refused: str = "", *, code: int = 200) -> Response:
    """Return the page that asks for a key or an issuer, and says why somebody was not let in."""
    issuers = [one.issuer for one in doors.log_ins.values()]
    return page("login.html", None, title="Log in", refused=refused, issuers=issuers, code=code)


@router.get("/login", response_model=None)
async def ask(doors: Open) -> Response:
    """Ask for a key, or an issuer."""
    return asking(doors)


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
            return asking(doors, told, code=refusal.status)
    response = RedirectResponse(ROOT, status_code=303)
    try:
        log_in(response, doors.cookies.new_session(key.strip(), doors.now()), doors)
    except TooLongForACookie:
        return asking(doors, TOO_LONG, code=400)
    return response


@router.post("/logout", response_model=None)
async def leave(visitor: Annotated[Visitor, Depends(sender_of)]) -> Response:  # noqa: ARG001 - whoever sends it
    """End the session."""
    response = RedirectResponse(f"{ROOT}/login", status_code=303)
    log_out(response)
    return response
