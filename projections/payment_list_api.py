"""Route over a tenant's payments, filtered, page by page.

Annotations are evaluated here, not postponed: those of the routes name what a router was given.
"""

from collections.abc import Sequence
from dataclasses import astuple
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from payment_gateway.infrastructure.persistence.mongodb import Document
from projections import payment_list
from projections.answer_cache import kept_answer
from projections.cursor import decode_after, encode_after
from projections.payment_list_answers import PaymentPage, listed_payment
from projections.payment_list_queries import After, PaymentFilter, find_payments
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
        return await _page(asked, wanted, limit=limit, cursor=cursor)


async def _page(asked: Asked, wanted: PaymentFilter, *, limit: int, cursor: str | None) -> Response:
    after = decode_after(wanted.tenant_id, cursor) if cursor else None
    shown = await asked.read(payment_list.MODEL)

    async def make() -> PaymentPage:
        found = await find_payments(shown.collection(), wanted, limit=limit + 1, after=after)
        return PaymentPage(
            data=[listed_payment(one) for one in found[:limit]],
            next_cursor=next_cursor(wanted.tenant_id, found, limit=limit),
        )

    query = ("payments", *astuple(wanted), limit, cursor)
    return await kept_answer(asked, shown, PaymentPage, query, make)


def next_cursor(tenant_id: str, found: Sequence[Document], *, limit: int) -> str | None:
    """Return where the next page begins, of payments of which one more than a page was asked for."""
    if len(found) <= limit:
        return None
    last = found[limit - 1]
    return encode_after(tenant_id, After(last["createdAt"], last["_id"]))
