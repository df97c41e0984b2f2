"""Route over ``payment_details``: one payment, as it stands or as it stood.

Annotations are evaluated here, not postponed: those of the routes name what a router was given.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from payment_gateway.domain.errors import PaymentNotFound
from projections import payment_details
from projections.payment_answers import PaymentAnswer, payment_answer
from projections.payment_events import belongs_to
from projections.payment_queries import find_payment
from projections.query_context import Dependency, PaymentId
from projections.query_parameters import as_of
from projections.reading import Asked, asking

AS_OF: Final = "A date or an RFC 3339 time; what was recorded at that very time is included."


def add_routes(router: APIRouter, *, viewer: Dependency, queries: Dependency) -> None:
    """Add the route to a router."""
    ask = asking(viewer=viewer, queries=queries)

    @router.get("/payments/{paymentId}")
    async def get_payment(
        *,
        payment_id: PaymentId,
        request: Request,
        response: Response,
        asked: Annotated[Asked, Depends(ask)],
        then: Annotated[str | None, Query(alias="as_of", description=AS_OF)] = None,
    ) -> PaymentAnswer:
        """Show a payment as it stands, or as it stood at a time."""
        moment = as_of(then)
        if moment is None:
            shown = await asked.read(payment_details.MODEL, payment_id=payment_id)
            document = await find_payment(shown.collection(), asked.tenant_id, payment_id)
        else:
            events = (await asked.source.events.read(f"payment-{payment_id}")).events
            known = belongs_to(events, asked.tenant_id)
            document = payment_details.as_of(events, moment) if known else None
            if document is not None:
                asked.shows(document["position"])
        if document is None:
            raise PaymentNotFound(payment_id)
        sealed = document["personal"]
        personal = sealed and await asked.source.open_personal(
            asked.tenant_id, document["subjectId"], sealed
        )
        response.headers["ETag"] = f'"{document["revision"]}"'
        # The revision does not tell that what was sealed has been erased since.
        request.state.sent_whole = bool(sealed) and personal is None
        return payment_answer(document, personal)
