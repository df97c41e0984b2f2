"""Route over a tenant's payments, filtered, page by page.

Annotations are evaluated here, not postponed: those of the routes name what a router was given.
"""

from dataclasses import astuple
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from payment_gateway.infrastructure.persistence.mongodb import Collection
from projections import payment_details
from projections.answer_cache import kept_answer
from projections.cursor import decode_after, encode_after
from projections.payment_answers import PaymentPage, payment_summary
from projections.payment_queries import After, PaymentFilter, find_payments
from projections.query_context import (
    PAGE_SIZE_DEFAULT,
    Cursor,
    Dependency,
    Limit,
    Moment,
    Text,
)
from projections.query_parameters import created_before, created_from
from projections.reading import Asked, asking


def add_routes(router: APIRouter, *, viewer: Dependency, queries: Dependency) -> None:
    """Add the route to a router."""
    ask = asking(viewer=viewer, queries=queries)

    @router.get("/payments", response_model=PaymentPage)
    async def list_payments(
        *,
        asked: Annotated[Asked, Depends(ask)],
        status: PaymentStatusVO | None = None,
        provider: Text = None,
        order_id: Annotated[Text, Query(alias="orderId")] = None,
        from_: Annotated[Moment, Query(alias="from")] = None,
        to: Moment = None,
        limit: Limit = PAGE_SIZE_DEFAULT,
        cursor: Cursor = None,
    ) -> Response:
        """List payments, newest first."""
        wanted = PaymentFilter(
            tenant_id=asked.tenant_id,
            status=status,
            provider=provider,
            order_id=order_id,
            created_from=created_from(from_),
            created_before=created_before(to),
        )
        return await page_of(asked, wanted, limit=limit, cursor=cursor)


async def page_of(
    asked: Asked, wanted: PaymentFilter, *, limit: int, cursor: str | None
) -> Response:
    """Return a page of payments, and where the next one begins."""
    after = decode_after(wanted.tenant_id, cursor) if cursor else None
    shown = await asked.read(payment_details.MODEL)

    async def make() -> PaymentPage:
        return await _page(shown.collection(), wanted, limit=limit, after=after)

    query = ("payments", *astuple(wanted), limit, cursor)
    return await kept_answer(asked, shown, PaymentPage, query, make)


async def _page(
    collection: Collection, wanted: PaymentFilter, *, limit: int, after: After | None
) -> PaymentPage:
    found = await find_payments(collection, wanted, limit=limit + 1, after=after)
    page = found[:limit]
    next_cursor = None
    if len(found) > limit:
        last = After(page[-1]["createdAt"], page[-1]["_id"])
        next_cursor = encode_after(wanted.tenant_id, last)
    return PaymentPage(data=[payment_summary(one) for one in page], next_cursor=next_cursor)
