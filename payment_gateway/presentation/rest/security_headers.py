"""What every answer tells a browser: frame nothing, guess nothing, load nothing from elsewhere."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HSTS_S: Final = 365 * 86_400
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
}
# FastAPI's page of the interface has a script in it, and takes more and its styles from this host.
_DOCS_PAGE: Final = "/docs"
_DOCS_POLICY: Final = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data: https://fastapi.tiangolo.com;"
    " script-src 'unsafe-inline' https://cdn.jsdelivr.net; style-src https://cdn.jsdelivr.net"
    " 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
)
_PRIVATE: Final = "/api/"


class SecurityHeaders:
    """ASGI middleware; what a route sets itself stays."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _headers(scope).items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _headers(scope: Scope) -> dict[str, str]:
    headers = dict(HEADERS)
    if scope["path"] == _DOCS_PAGE:
        headers["Content-Security-Policy"] = _DOCS_POLICY
    if scope["path"].startswith(_PRIVATE):
        headers["Cache-Control"] = "no-store"
    if scope["scheme"] == "https":  # by TLS of our own, or as a trusted proxy says
        headers["Strict-Transport-Security"] = f"max-age={HSTS_S}; includeSubDomains"
    return headers
