"""Logging in at an OIDC issuer: out to its own page, and back with a code.

What a log-in is known by is sealed in a cookie of the browser that began it, so an answer counts in that
browser alone, and the server keeps nothing. Where the browser goes is the issuer's address as it is
configured, and then the dashboard's start: no address of a request leads anywhere.
"""

from __future__ import annotations

from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from payment_gateway.dashboard.login import TOO_LONG, asking
from payment_gateway.dashboard.rendering import HEADERS, page
from payment_gateway.dashboard.session import (
    LOG_IN_COOKIE,
    LOG_IN_LASTS,
    LogInBegun,
    TooLongForACookie,
)
from payment_gateway.dashboard.visitor import OIDC, Doors, client_of, doors_of, keep, log_in
from payment_gateway.infrastructure.security.oidc_discovery import IssuerUnavailable
from payment_gateway.infrastructure.security.oidc_log_in import (
    Challenge,
    CodeRefused,
    LoggedIn,
    OidcLogIn,
)
from payment_gateway.infrastructure.security.oidc_tokens import TokenRefused

router = APIRouter(prefix=OIDC, include_in_schema=False)
Open = Annotated[Doors, Depends(doors_of)]
Given = Annotated[str, Query(max_length=4_000)]

# Source: RFC 6749, section 4.1.2.1; OpenID Connect Core 1.0, section 3.1.2.6. Other words are not shown.
CANCELLED: Final = "access_denied"
LATER: Final = frozenset({"server_error", "temporarily_unavailable"})

log = structlog.get_logger(__name__)


@router.get("", response_model=None)
async def begin(doors: Open, issuer: Given) -> Response:
    """Lead to an issuer's own log-in."""
    at = doors.log_ins.get(issuer)
    if at is None:
        return asking(doors, "Nobody logs in there. Choose one of those below.", code=404)
    challenge = Challenge.new()
    try:
        address = await at.begins_at(challenge)
    except IssuerUnavailable:
        return _unavailable(at, doors)
    begun = LogInBegun(
        issuer=issuer,
        state=challenge.state,
        nonce=challenge.nonce,
        verifier=challenge.verifier,
        ends_at=doors.now() + LOG_IN_LASTS,
    )
    response = RedirectResponse(address, status_code=303, headers=HEADERS)
    keep(
        response,
        LOG_IN_COOKIE,
        doors.cookies.seal(begun),
        LOG_IN_LASTS.total_seconds(),
        doors,
        path=OIDC,
        is_sent_from_elsewhere=True,
    )
    return response


@router.get("/callback", response_model=None)
async def come_back(
    request: Request,
    doors: Open,
    *,
    state: Given = "",
    code: Given = "",
    error: Given = "",
    iss: Given = "",
) -> Response:
    """Begin a session with what an issuer gives for its code."""
    begun = doors.cookies.open(request.cookies.get(LOG_IN_COOKIE), LogInBegun, doors.now())
    at = doors.log_ins.get(begun.issuer) if begun else None
    if begun is None or at is None or not begun.is_answered_by(state):
        told = (
            "This log-in is over, or another browser began it. Begin it anew below, within"
            f" {LOG_IN_LASTS.seconds // 60} minutes, and come back to the address where you began."
        )
        return asking(doors, told, code=400)
    answer = await _answered(request, begun, at, doors, code=code, error=error, iss=iss)
    answer.delete_cookie(LOG_IN_COOKIE, path=OIDC)
    return answer


async def _answered(
    request: Request,
    begun: LogInBegun,
    at: OidcLogIn,
    doors: Doors,
    *,
    code: str,
    error: str,
    iss: str,
) -> Response:
    name = at.issuer.shown_name
    if iss and iss != begun.issuer:
        return await _refused(request, doors, "an answer of another issuer", name)
    if error == CANCELLED:
        return asking(doors, f"You were not logged in: it was called off at {name}.", code=403)
    if error in LATER:
        return _unavailable(at, doors)
    if error or not code:
        return await _refused(request, doors, "no code in the issuer's answer", name)
    challenge = Challenge(state=begun.state, nonce=begun.nonce, verifier=begun.verifier)
    try:
        return _let_in(await at.finish(code, challenge), doors)
    except IssuerUnavailable:
        return _unavailable(at, doors)
    except CodeRefused as refusal:
        return await _refused(request, doors, f"the issuer says {refusal}", name)
    except TokenRefused as refusal:
        return await _refused(request, doors, str(refusal), name)
    except TooLongForACookie:
        return asking(doors, TOO_LONG, code=400)


def _let_in(logged_in: LoggedIn, doors: Doors) -> Response:
    """Return a page that goes on by itself.

    A redirect would still be the issuer's doing, for a browser, so that it would not send the new cookie.
    """
    session = doors.cookies.new_session(logged_in.token, doors.now(), until=logged_in.ends_at)
    response = page("logged_in.html", None, title="Logged in")
    log_in(response, session, doors)
    return response


def _unavailable(at: OidcLogIn, doors: Doors) -> Response:
    told = f"{at.issuer.shown_name} gives no answer now. Try again in a minute, or log in with an API key."
    return asking(doors, told, code=503)


async def _refused(request: Request, doors: Doors, reason: str, name: str) -> Response:
    """Count and log a failed attempt, and say where its reason is found."""
    refusal = await doors.refusal(reason, client_of(request)[0])
    if refusal.status == 429:
        return asking(doors, str(refusal), code=429)
    told = (
        f"What {name} says about you is not accepted here. Log in again; if that does not help, whoever runs"
        f" the gateway finds the reason in its log, request {request.scope['request_id']}."
    )
    return asking(doors, told, code=403)
