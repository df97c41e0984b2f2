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

from payment_gateway.presentation.rest.access import Authenticate, Caller
from payment_gateway.presentation.rest.errors import problem
from payment_gateway.telemetry.tracing import current_traceparent

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
# Source: W3C Trace Context, section 3.2.
_TRACEPARENT: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_GUARDED: Final = "/api/"
# What comes from providers is signed instead.
_SIGNED: Final = "/api/v1/webhooks/"
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
        scope["caller"] = caller = self._caller(headers)
        status = 500
        structlog.contextvars.bind_contextvars(request_id=request_id)

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            if caller is None and _is_guarded(scope["path"]):
                answer = problem(
                    Request(scope),
                    status=401,
                    code="unauthorized",
                    detail="send a valid key as: Authorization: Bearer KEY",
                )
                await answer(scope, receive, send_with_id)
            else:
                await self._app(scope, receive, send_with_id)
        finally:
            log.info(
                "request.answered",
                method=scope["method"],
                path=scope["path"],
                status=status,
                actor=caller.actor if caller else None,
                tenant_id=caller.tenant_id if caller else None,
                duration_ms=round((time.perf_counter() - started) * 1000, 1),
            )
            structlog.contextvars.unbind_contextvars("request_id")

    def _caller(self, headers: Headers) -> Caller | None:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        return self._authenticate(key.strip()) if scheme.lower() == "bearer" else None


def _is_guarded(path: str) -> bool:
    return path.startswith(_GUARDED) and not path.startswith(_SIGNED)


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else str(uuid7())


def _traceparent(headers: Headers) -> str | None:
    given = headers.get("traceparent", "")
    return given if _TRACEPARENT.fullmatch(given) else None
