"""What every request has before a route sees it: an id, a caller, a trace, a log line."""

from __future__ import annotations

import re
import time
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils.compat import uuid7

from payment_gateway.presentation.rest.access import AccessRefused, Authenticate, Caller
from payment_gateway.presentation.rest.errors import refuse_access
from payment_gateway.telemetry.tracing import current_traceparent

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
# Source: W3C Trace Context, section 3.2.
_TRACEPARENT: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_GUARDED: Final = "/api/"
# What comes from providers is signed instead.
_SIGNED: Final = "/api/v1/webhooks/"
_PROBES: Final = frozenset({"/livez", "/readyz"})
# What a command puts into the further lines of its request.
_LEARNED: Final = ("tenant_id", "payment_id")
log = structlog.get_logger()


class RequestContext:
    """ASGI middleware; nothing below ``/api/`` is reached without a key but what is signed."""

    def __init__(self, app: ASGIApp, *, authenticate: Authenticate) -> None:
        self._app = app
        self._authenticate = authenticate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        scope["request_id"] = request_id
        scope["traceparent"] = current_traceparent() or _traceparent(headers)
        status = 500
        caller: Caller | None = None
        # The same in the metadata of the events that it causes.
        structlog.contextvars.unbind_contextvars(*_LEARNED)
        before = structlog.contextvars.bind_contextvars(
            request_id=request_id, correlation_id=request_id
        )

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            found = await self._caller(scope, headers)
            caller = found if isinstance(found, Caller) else None
            scope["caller"] = caller
            if isinstance(found, AccessRefused) and _is_guarded(scope["path"]):
                answer = await refuse_access(Request(scope), found)
                await answer(scope, receive, send_with_id)
            else:
                scope["access_refusal"] = None if caller else found
                await self._app(scope, receive, send_with_id)
        finally:
            _note_answered(scope, caller, status=status, started=started)
            # GraphQL sends requests of its own, within the one that it answers.
            structlog.contextvars.reset_contextvars(**before)

    async def _caller(self, scope: Scope, headers: Headers) -> Caller | AccessRefused:
        """Return who asks, or why that is not known; nobody is asked for what takes no key."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip() or takes_no_key(scope["path"]):
            return AccessRefused()
        client = scope.get("client")
        try:
            return await self._authenticate(key.strip(), client[0] if client else None)
        except AccessRefused as refusal:
            return refusal


def _note_answered(scope: Scope, caller: Caller | None, *, status: int, started: float) -> None:
    log.info(
        "request.answered",
        method=scope["method"],
        path=scope["path"],
        status=status,
        actor=caller.actor if caller else None,
        **_tenant_of(caller),
        duration_ms=round((time.perf_counter() - started) * 1000, 1),
    )


def _tenant_of(caller: Caller | None) -> dict[str, str | None]:
    """Return the caller's tenant, but where a command said for which one it is."""
    if "tenant_id" in structlog.contextvars.get_contextvars():
        return {}
    return {"tenant_id": caller.tenant_id if caller else None}


def _is_guarded(path: str) -> bool:
    return path.startswith(_GUARDED) and not path.startswith(_SIGNED)


def takes_no_key(path: str) -> bool:
    """Whether nobody is asked for a key there, and a key that is sent is not looked at."""
    return path in _PROBES or path.startswith(_SIGNED)


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else str(uuid7())


def _traceparent(headers: Headers) -> str | None:
    given = headers.get("traceparent", "")
    return given if _TRACEPARENT.fullmatch(given) else None
