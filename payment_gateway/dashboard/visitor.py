"""Whoever looks at a page: their session, their roles, what the last form did."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from payment_gateway.dashboard.session import (
    FLASH_COOKIE,
    FLASH_LASTS,
    SESSION_COOKIE,
    Cookies,
    Flash,
    Session,
)
from payment_gateway.infrastructure.security.oidc_log_in import OidcLogIn
from payment_gateway.presentation.in_process import Api, ApiRefused
from payment_gateway.presentation.rest.access import ANY_TENANT, AccessRefused, Authenticate, Caller

ROOT: Final = "/dashboard"
TEXT_LENGTH_MAX: Final = 500
LOGIN: Final = f"{ROOT}/login"
OIDC: Final = f"{LOGIN}/oidc"
LEADS_BACK_TO: Final = f"{OIDC}/callback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What the dashboard is given by the composition root.

    Attributes:
        cookies: Seals sessions.
        authenticate: Finds out who holds a key.
        log_ins: Where else somebody may log in, by issuer.
        refusal: Counts and logs a failed attempt to get in, by its reason and the browser's address.
        now: The clock that sessions end by.
        is_secure: Whether browsers reach it over TLS alone, so that cookies may say so.
    """

    cookies: Cookies
    authenticate: Authenticate
    log_ins: Mapping[str, OidcLogIn]
    refusal: Callable[[str, str], Awaitable[AccessRefused]]
    now: Callable[[], datetime]
    is_secure: bool


class NotLoggedIn(Exception):
    """There is no session; the answer leads to the log-in."""


class ForeignForm(Exception):
    """A form did not come from a page of this session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody who is logged in.

    Attributes:
        api: Asks the REST interface as they would.
    """

    session: Session
    caller: Caller
    api: Api
    flash: Flash | None

    def may(self, *roles: str) -> bool:
        """Whether they have one of these roles."""
        return not self.caller.roles.isdisjoint(roles)

    @property
    def has_tenant(self) -> bool:
        """Whether they look at one tenant's payments."""
        return self.caller.tenant_id != ANY_TENANT


def doors_of(request: Request) -> Doors:
    """Return what the dashboard was opened with."""
    doors = request.app.state.dashboard
    assert isinstance(doors, Doors), "the lifespan did not run"
    return doors


def segment(text: str) -> str:
    """Return a text as one part of a path, whatever it has in it."""
    return quote(text, safe="")


def client_of(request: Request) -> tuple[str, int]:
    """Return the address of the browser."""
    return (request.client.host, request.client.port) if request.client else ("unknown", 0)


async def visitor_of(request: Request, doors: Annotated[Doors, Depends(doors_of)]) -> Visitor:
    """Return who looks.

    Raises:
        NotLoggedIn: Nobody, or somebody whose key is accepted no longer.
        ApiRefused: Nobody can say now.
    """
    now = doors.now()
    session = doors.cookies.open(request.cookies.get(SESSION_COOKIE), Session, now)
    if session is None:
        raise NotLoggedIn
    client = client_of(request)
    try:
        caller = await doors.authenticate(session.key, client[0])
    except AccessRefused as refusal:
        if refusal.status == 401:
            raise NotLoggedIn from None
        problem = {"code": refusal.code, "detail": str(refusal)}
        raise ApiRefused(refusal.status, problem) from None
    flash = doors.cookies.open(request.cookies.get(FLASH_COOKIE), Flash, now)
    api = Api(
        app=request.app,
        key=session.key,
        client=client,
        token=flash.token if flash else None,
    )
    return Visitor(session=session, caller=caller, api=api, flash=flash)


def sender_of(
    visitor: Annotated[Visitor, Depends(visitor_of)], csrf: Annotated[str, Form(max_length=200)]
) -> Visitor:
    """Return who sent a form.

    Raises:
        NotLoggedIn: Nobody.
        ForeignForm: It came from elsewhere, or from a session before this one.
    """
    if not visitor.session.vouches_for(csrf):
        raise ForeignForm
    return visitor


def log_in(response: Response, session: Session, doors: Doors) -> None:
    """Have the browser keep a session.

    Raises:
        TooLongForACookie: What they logged in with is.
    """
    lasts_s = (session.ends_at - doors.now()).total_seconds()
    keep(response, SESSION_COOKIE, doors.cookies.seal(session), lasts_s, doors)


def log_out(response: Response) -> None:
    """Have the browser forget it."""
    response.delete_cookie(SESSION_COOKIE, path=ROOT)


def back_to(
    path: str, text: str, doors: Doors, *, is_refusal: bool = False, token: str | None = None
) -> RedirectResponse:
    """Lead to a page of the dashboard that says once what was done, or why it was not."""
    response = RedirectResponse(f"{ROOT}{quote(path)}", status_code=303)
    flash = Flash(
        text=text[:TEXT_LENGTH_MAX],
        is_refusal=is_refusal,
        token=token,
        ends_at=doors.now() + FLASH_LASTS,
    )
    keep(response, FLASH_COOKIE, doors.cookies.seal(flash), FLASH_LASTS.total_seconds(), doors)
    return response


def keep(
    response: Response,
    name: str,
    value: str,
    max_age_s: float,
    doors: Doors,
    *,
    path: str = ROOT,
    is_sent_from_elsewhere: bool = False,
) -> None:
    """Have the browser keep a cookie, and send it below a path; scripts do not see it.

    One that ``is_sent_from_elsewhere`` is sent, too, when another site leads here.
    """
    response.set_cookie(
        name,
        value,
        max_age=max(0, int(max_age_s)),
        path=path,
        secure=doors.is_secure,
        httponly=True,
        samesite="lax" if is_sent_from_elsewhere else "strict",
    )
