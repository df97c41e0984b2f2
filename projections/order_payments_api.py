"""Route over the payments of one order.

Annotations are evaluated here, not postponed: those of the routes name what a router was given.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from projections.payment_answers import PaymentPage
from projections.payment_list_api import page_of
from projections.payment_queries import PaymentFilter
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
    @router.get("/orders/{orderId:path}/payments", response_model=PaymentPage)
    async def list_payments_of_order(
        *,
        order_id: Annotated[str, Path(alias="orderId", max_length=TEXT_LENGTH_MAX)],
        asked: Annotated[Asked, Depends(ask)],
        limit: Limit = PAGE_SIZE_DEFAULT,
        cursor: Cursor = None,
    ) -> Response:
        """List the payments of an order, newest first."""
        wanted = PaymentFilter(tenant_id=asked.tenant_id, order_id=order_id)
        return await page_of(asked, wanted, limit=limit, cursor=cursor)
