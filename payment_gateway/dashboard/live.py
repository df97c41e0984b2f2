"""Server-sent events that tell a page to look again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response, StreamingResponse

from payment_gateway.dashboard.rendering import HEADERS
from payment_gateway.dashboard.visitor import ROOT, Visitor, visitor_of
from payment_gateway.presentation.in_process import ApiRefused

router = APIRouter(prefix=ROOT, include_in_schema=False)

# How soon a page shows what happened, and how often it looks though nothing did (times pass, lags grow).
LOOK_EVERY_S: Final = 1.0
TICK_EVERY_S: Final = 10
# A browser that has not closed its stream by then opens another by itself.
LOOKS_MAX: Final = 3_600
# Open pages of one process; more are told to come back.
STREAMS_MAX: Final = 200
RETRY_MS: Final = 3_000


class Streams:
    """Counts the pages that listen."""

    def __init__(self) -> None:
        self.open = 0


_STREAMS: Final = Streams()


@router.get("/live", response_model=None)
async def live(
    request: Request,
    visitor: Annotated[Visitor, Depends(visitor_of)],
    tick: Annotated[int, Query(ge=1, le=60, description="In seconds.")] = TICK_EVERY_S,
) -> Response:
    """Send ``change`` when the tenant's payments changed, ``tick`` now and then."""
    if _STREAMS.open >= STREAMS_MAX:
        return Response(status_code=503, headers={"Retry-After": "10"})
    return StreamingResponse(
        _changes(request, visitor, tick_every_looks=max(1, round(tick / LOOK_EVERY_S))),
        media_type="text/event-stream",
        headers={**HEADERS, "X-Accel-Buffering": "no"},
    )


async def _changes(
    request: Request, visitor: Visitor, *, tick_every_looks: int
) -> AsyncGenerator[str, None]:
    _STREAMS.open += 1
    try:
        yield f"retry: {RETRY_MS}\n\n"
        seen = await _mark(visitor)
        for look in range(1, LOOKS_MAX + 1):
            await asyncio.sleep(LOOK_EVERY_S)
            if request.app.state.stopping.is_ending or await request.is_disconnected():
                return
            mark = await _mark(visitor)
            if mark != seen:
                seen = mark
                yield "event: change\ndata: \n\n"
            elif look % tick_every_looks == 0:
                yield "event: tick\ndata: \n\n"
    finally:
        _STREAMS.open -= 1


async def _mark(visitor: Visitor) -> str | None:
    """Return what changes whenever one of the visitor's payments does."""
    if not (visitor.may("viewer") and visitor.has_tenant):
        return None
    try:
        return await visitor.api.etag("/payments?limit=1")
    except ApiRefused:
        return None  # the page finds out by itself
