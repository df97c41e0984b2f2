"""Route over the payments of one order.

Annotations are evaluated here, not postponed: those of the routes name what a router was given.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from projections import order_payments
from projections.answer_cache import kept_answer
from projections.cursor import decode_after
from projections.order_payments_queries import find_order_payments
from projections.payment_list_answers import OrderPaymentPage, order_payment
from projections.payment_list_api import next_cursor
from projections.query_context import (
    PAGE_SIZE_DEFAULT,
    TEXT_LENGTH_MAX,
    Cursor,
    Dependency,
    Limit,
)
from projections.reading import Asked, asking


def add_routes(router: APIRouter, *, viewer: Dependency, queries: Dependency) -> None:
    """Add the route to a router."""
    ask = asking(viewer=viewer, queries=queries)

    # An order's id is its service's own and may hold a slash.
    @router.get("/orders/{orderId:path}/payments", response_model=OrderPaymentPage)
    async def list_payments_of_order(
        *,
        order_id: Annotated[str, Path(alias="orderId", max_length=TEXT_LENGTH_MAX)],
        asked: Annotated[Asked, Depends(ask)],
        limit: Limit = PAGE_SIZE_DEFAULT,
        cursor: Cursor = None,
    ) -> Response:
        """List the payments of an order, newest first."""
        tenant_id = asked.tenant_id
        after = decode_after(tenant_id, cursor) if cursor else None
        shown = await asked.read(order_payments.MODEL)

        async def make() -> OrderPaymentPage:
            found = await find_order_payments(
                shown.collection(), tenant_id, order_id, limit=limit + 1, after=after
            )
            return OrderPaymentPage(
                data=[order_payment(one) for one in found[:limit]],
                next_cursor=next_cursor(tenant_id, found, limit=limit),
            )

        query = ("order_payments", order_id, limit, cursor)
        return await kept_answer(asked, shown, OrderPaymentPage, query, make)
