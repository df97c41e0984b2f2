"""Route over ``event_feed``: a tenant's events, page by page or as a stream, for ever.

Annotations are evaluated here, not postponed: those of the routes name what a router was given.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from payment_gateway.domain.errors import InvalidValue
from projections import event_feed
from projections.cursor import decode_place, encode_place
from projections.event_feed_queries import Place, entries_after, holds
from projections.event_stream_response import EventStreamResponse
from projections.payment_events import EventFeedPage
from projections.payment_queries import PAGE_SIZE_MAX
from projections.query_context import (
    Cursor,
    Dependency,
    Limit,
)
from projections.reading import Asked, asking

TYPES_LENGTH_MAX: Final = 1000
Types = Annotated[
    str | None,
    Query(
        max_length=TYPES_LENGTH_MAX,
        description="Stored names, with commas between them; all where it is left out.",
        examples=["PaymentCompleted,RefundCompleted"],
    ),
]


StillAllowed = Callable[[Request], Awaitable[bool]]
LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", description="For a stream: the last `id` that came."),
]
_STREAM: Final = "text/event-stream"
_ALSO_AS_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {_STREAM: {"schema": {"type": "string"}}}}
}
# Of no feed: sequences begin at 1.
_NOWHERE: Final = Place(0, "")


def place_to_go_on(tenant_id: str, cursor: str | None) -> Place | None:
    """Return the place after which a stream goes on; what is no cursor leads nowhere, which is told."""
    if not cursor:
        return None
    try:
        return decode_place(tenant_id, cursor)
    except InvalidValue:
        return _NOWHERE


def wanted_types(text: str | None) -> frozenset[str]:
    """Return the stored names that a caller lists; none for all.

    Raises:
        InvalidValue: Not the name of an event that a payment can have.
    """
    names = frozenset(name.strip() for name in text.split(",")) if text else frozenset()
    unknown = sorted(names - event_feed.MODEL.events)
    if unknown:
        raise InvalidValue(f"no event of a payment: {unknown[0]!r}", param="types")
    return names


def add_routes(
    router: APIRouter, *, viewer: Dependency, queries: Dependency, still_allowed: StillAllowed
) -> None:
    """Add the route to a router; ``still_allowed`` tells whether who made a request still may."""
    ask = asking(viewer=viewer, queries=queries)

    @router.get("/events", response_model=EventFeedPage, responses=_ALSO_AS_STREAM)
    async def list_events(
        *,
        request: Request,
        asked: Annotated[Asked, Depends(ask)],
        types: Types = None,
        limit: Limit = PAGE_SIZE_MAX,
        cursor: Cursor = None,
        last_event_id: LastEventId = None,
    ) -> EventFeedPage | Response:
        """List what happened to the tenant's payments, oldest first, or follow it as it happens."""
        tenant_id = asked.tenant_id
        names = wanted_types(types)
        if _STREAM in request.headers.get("accept", ""):
            return EventStreamResponse(
                tenant_id,
                asked.source.streams.reader(
                    tenant_id, place_to_go_on(tenant_id, last_event_id or cursor), names
                ),
                lambda: still_allowed(request),
            )
        place = decode_place(tenant_id, cursor) if cursor else None
        collection = (await asked.read(event_feed.MODEL)).collection()
        if place is not None and not await holds(collection, tenant_id, place):
            raise InvalidValue("this cursor is gone: events were counted anew", param="cursor")
        sequence = place.sequence if place else 0
        entries = await entries_after(collection, tenant_id, sequence, names, limit)
        last = Place(entries[-1]["sequence"], entries[-1]["_id"]) if entries else None
        return EventFeedPage(
            data=[event_feed.entry_answer(entry) for entry in entries],
            next_cursor=last and encode_place(tenant_id, last),
        )
