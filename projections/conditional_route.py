"""Answers that need not be sent again: ``ETag`` and ``If-None-Match`` (RFC 9110, section 13.1.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute

DIGEST_BYTES: Final = 12
# Always asked for again, kept by nobody but the caller.
CACHE_CONTROL: Final = "private, no-cache"
# Of the body that a 304 does not have.
_OF_A_BODY: Final = frozenset({b"content-length", b"content-type"})

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ConditionalRoute(APIRoute):
    """A route whose answers carry a tag, and are 304 without a body to who has them already.

    A route that gives its answer no ``ETag`` has it tagged by its content. One that sets
    ``request.state.sent_whole`` is always sent.
    """

    def get_route_handler(self) -> Handler:
        """Return what handles a request."""
        handle = super().get_route_handler()

        async def handle_conditionally(request: Request) -> Response:
            response = await handle(request)
            body = getattr(response, "body", b"")  # a stream has none
            if response.status_code != 200 or not body:
                return response
            tag = response.headers.setdefault("ETag", _tag_of(bytes(body)))
            response.headers.setdefault("Cache-Control", CACHE_CONTROL)
            sent_whole = getattr(request.state, "sent_whole", False)
            if sent_whole or not _names(request.headers.get("if-none-match", ""), tag):
                return response
            unchanged = Response(status_code=304)
            unchanged.raw_headers = [
                (name, value) for name, value in response.raw_headers if name not in _OF_A_BODY
            ]
            return unchanged

        return handle_conditionally


def _tag_of(body: bytes) -> str:
    return f'W/"{hashlib.blake2b(body, digest_size=DIGEST_BYTES).hexdigest()}"'


def _names(if_none_match: str, tag: str) -> bool:
    """Return whether a list of tags names this one; whether they are weak does not matter here."""
    named = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return "*" in named or tag.removeprefix("W/") in named
