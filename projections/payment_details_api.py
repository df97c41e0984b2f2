"""Route over ``payment_details``: one payment, as it stands or as it stood.

Annotations are evaluated here, not postponed: those of the routes name what a router was given.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query

from payment_gateway.domain.errors import PaymentNotFound
from projections import payment_details
from projections.payment_answers import PaymentAnswer, payment_answer
from projections.payment_events import belongs_to
from projections.payment_queries import find_payment
from projections.query_context import Dependency, PaymentId, Queries, Seen, Viewer, catch_up, seen
from projections.query_parameters import as_of

AS_OF: Final = "A date or an RFC 3339 time; what was recorded at that very time is included."


def add_routes(router: APIRouter, *, viewer: Dependency, queries: Dependency) -> None:
    """Add the route to a router."""

    @router.get("/payments/{paymentId}")
    async def get_payment(
        *,
        payment_id: PaymentId,
        who: Annotated[Viewer, Depends(viewer)],
        source: Annotated[Queries, Depends(queries)],
        told: Annotated[Seen, Depends(seen)],
        then: Annotated[str | None, Query(alias="as_of", description=AS_OF)] = None,
    ) -> PaymentAnswer:
        """Show a payment as it stands, or as it stood at a time."""
        moment = as_of(then)
        if moment is None:
            await catch_up(source, payment_details.MODEL, who, told, payment_id=payment_id)
            collection = await source.shown.collection(payment_details.MODEL)
            document = await find_payment(collection, who.tenant_id, payment_id)
        else:
            events = (await source.events.read(f"payment-{payment_id}")).events
            known = belongs_to(events, who.tenant_id)
            document = payment_details.as_of(events, moment) if known else None
        if document is None:
            raise PaymentNotFound(payment_id)
        sealed = document["personal"]
        personal = sealed and await source.open_personal(
            who.tenant_id, document["subjectId"], sealed
        )
        return payment_answer(document, personal)
