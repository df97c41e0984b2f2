"""Route over the log itself: the history of one payment.

Annotations are evaluated here, not postponed: those of the routes name what a router was given.
"""

from typing import Annotated

from fastapi import APIRouter, Depends

from payment_gateway.domain.errors import PaymentNotFound
from projections.cursor import decode_revision, encode_revision
from projections.payment_events import EventPage, belongs_to, currency_of, event_answer
from projections.payment_queries import PAGE_SIZE_MAX
from projections.query_context import Cursor, Dependency, Limit, PaymentId
from projections.reading import Asked, asking


def add_routes(router: APIRouter, *, viewer: Dependency, queries: Dependency) -> None:
    """Add the route to a router."""
    ask = asking(viewer=viewer, queries=queries)

    @router.get("/payments/{paymentId}/events")
    async def get_payment_events(
        *,
        payment_id: PaymentId,
        asked: Annotated[Asked, Depends(ask)],
        limit: Limit = PAGE_SIZE_MAX,
        cursor: Cursor = None,
    ) -> EventPage:
        """Show all that happened to a payment, oldest first. It is read from the log itself, which is never behind."""
        tenant_id = asked.tenant_id
        begin = decode_revision(tenant_id, payment_id, cursor) if cursor else 0
        events = (await asked.source.events.read(f"payment-{payment_id}")).events
        if not belongs_to(events, tenant_id):
            raise PaymentNotFound(payment_id)
        asked.shows(events[-1].position)
        currency, end = currency_of(events), begin + limit
        more = end < len(events)
        return EventPage(
            data=[
                event_answer(recorded, payment_id=payment_id, currency=currency)
                for recorded in events[begin:end]
            ],
            next_cursor=encode_revision(tenant_id, payment_id, end) if more else None,
        )
