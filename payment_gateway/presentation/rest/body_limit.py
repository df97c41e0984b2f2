"""No body is read further than a request may be long, whether it says how long it is or not."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from payment_gateway.presentation.rest.errors import problem
from payment_gateway.presentation.rest.refusals import HTTP

TOO_LARGE = HTTP[413]


class BodyLimit:
    """ASGI middleware; refuses with a problem, where the framework's own limit answers plain text.

    Args:
        app: What reads the bodies.
        bytes_max: How long a body may be.
    """

    def __init__(self, app: ASGIApp, *, bytes_max: int) -> None:
        self._app = app
        self._bytes_max = bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > self._bytes_max:
            answer = problem(
                Request(scope),
                status=TOO_LARGE.status,
                code=TOO_LARGE.code,
                detail=TOO_LARGE.detail or "",
            )
            await answer(scope, receive, send)
            return
        total = 0

        async def receive_bounded() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > self._bytes_max:
                raise HTTPException(TOO_LARGE.status, TOO_LARGE.detail)
            return message

        await self._app(scope, receive_bounded, send)
