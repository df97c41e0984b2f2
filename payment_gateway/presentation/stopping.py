"""How a process that serves requests takes its leave: it says so first, and goes when others have heard it."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from payment_gateway.telemetry.metrics import DRAINING


class Stopping:
    """Whether the process is on its way out.

    Attributes:
        is_draining: It still serves, but whoever spreads requests is to take it out.
        is_ending: It takes no new request, and what would never end by itself is to end.
    """

    def __init__(self) -> None:
        self.is_draining = False
        self.is_ending = False

    def drain(self) -> None:
        """Tell everybody to go elsewhere from now on."""
        self.is_draining = True
        DRAINING.set(1)

    def end(self) -> None:
        """Have streams end."""
        self.drain()
        self.is_ending = True


class ClosesConnections:
    """ASGI middleware: each answer of a process that drains is the last one of its connection.

    A connection that is kept and closed later, while nothing is under way, may be closed at the very
    moment in which the next request is sent over it.
    """

    def __init__(self, app: ASGIApp, stopping: Stopping) -> None:
        self._app: Final = app
        self._stopping: Final = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""

        async def send_and_close(message: Message) -> None:
            if message["type"] == "http.response.start" and self._stopping.is_draining:
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        await self._app(scope, receive, send_and_close if scope["type"] == "http" else send)
