"""The simulator's own controls under ``/_control``, which no real provider has.

What both providers share: the clock, the faults and the paged ledger. Bodies are camelCase JSON, refusals
are ``{"error": sentence}``.
"""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.providers.bodies import json_response, read_json
from sandbox.providers.clock import ADVANCE_SECONDS_MAX, Clock
from sandbox.providers.faults import Fault, FaultRefused, FaultScript
from sandbox.providers.store import Row, Store

LEDGER_ROWS_MAX = 10_000


class AdvanceClock(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """``POST /_control/clock``."""

    advance_seconds: Annotated[float, msgspec.Meta(ge=0, le=ADVANCE_SECONDS_MAX)]


def clock_routes(clock: Clock) -> list[Route]:
    """``GET`` and ``POST /_control/clock``: the simulated time, and moving it forward."""

    async def show(_: Request) -> Response:
        return json_response({"now": clock.now()})

    async def advance(request: Request) -> Response:
        wanted = await read_json(request, AdvanceClock)
        return json_response({"now": await clock.advance(wanted.advance_seconds)})

    return [
        Route("/_control/clock", show, methods=["GET"]),
        Route("/_control/clock", advance, methods=["POST"]),
    ]


def fault_routes(faults: FaultScript) -> list[Route]:
    """``GET``, ``POST`` and ``DELETE /_control/faults``: what is scripted, one more, none any more."""

    async def show(_: Request) -> Response:
        return json_response({"faults": faults.pending()})

    async def add(request: Request) -> Response:
        try:
            faults.add(await read_json(request, Fault))
        except FaultRefused as refused:
            raise HTTPException(422, str(refused)) from refused
        return json_response({"faults": faults.pending()}, 201)

    async def clear(_: Request) -> Response:
        faults.clear()
        return json_response({"faults": []})

    return [
        Route("/_control/faults", show, methods=["GET"]),
        Route("/_control/faults", add, methods=["POST"]),
        Route("/_control/faults", clear, methods=["DELETE"]),
    ]


Books = dict[str, tuple[str, Callable[[Row], Any]]]
"""By kind of document, the name of its list in the answer and how an entry is shown."""


async def books_page(
    store: Store, request: Request, books: Books, *, rows_max: int = LEDGER_ROWS_MAX
) -> dict[str, Any]:
    """Return what a simulator has on its books, in the order it came about, and ``nextCursor``.

    ``?cursor=`` takes the ``nextCursor`` of the page before; ``?limit=`` is at most ``rows_max``.

    Raises:
        HTTPException: 422, the cursor or the limit is no whole number.
    """
    cursor = _whole_number(request, "cursor", default=0)
    limit = min(_whole_number(request, "limit", default=rows_max), rows_max)
    rows = await store.transact(lambda: store.page(list(books), after=cursor, limit=limit))
    page: dict[str, Any] = {name: [] for name, _ in books.values()}
    for row in rows:
        name, render = books[row.kind]
        page[name].append(render(row))
    page["nextCursor"] = rows[-1].sequence if rows and len(rows) == limit else None
    return page


def ledger_route(store: Store, books: Books) -> Route:
    """``GET /_control/ledger``: one page of the books."""

    async def show(request: Request) -> Response:
        return json_response(await books_page(store, request, books))

    return Route("/_control/ledger", show, methods=["GET"])


def _whole_number(request: Request, name: str, *, default: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise HTTPException(422, f"{name} is a whole number")
    return int(text)


async def control_refusal(_: Request, refusal: Exception) -> Response:
    """Answer an ``HTTPException`` as ``{"error": sentence}``."""
    assert isinstance(refusal, HTTPException), "registered for HTTPException only"
    return json_response({"error": refusal.detail}, refusal.status_code)
