"""Route over the payments of one order.

Annotations are evaluated here, not postponed: those of the routes name what a router was given.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from projections import payment_details
from projections.payment_answers import PaymentPage
from projections.payment_list_api import page_of
from projections.payment_queries import PaymentFilter
from projections.query_context import (
    PAGE_SIZE_DEFAULT,
    TEXT_LENGTH_MAX,
    Cursor,
    Dependency,
    Limit,
    Queries,
    Seen,
    Viewer,
    catch_up,
    seen,
)


def add_routes(router: APIRouter, *, viewer: Dependency, queries: Dependency) -> None:
    """Add the route to a router."""

    # An order's id is its service's own and may hold a slash.
    @router.get("/orders/{orderId:path}/payments")
    async def list_payments_of_order(
        *,
        order_id: Annotated[str, Path(alias="orderId", max_length=TEXT_LENGTH_MAX)],
        who: Annotated[Viewer, Depends(viewer)],
        source: Annotated[Queries, Depends(queries)],
        limit: Limit = PAGE_SIZE_DEFAULT,
        cursor: Cursor = None,
        told: Annotated[Seen, Depends(seen)],
    ) -> PaymentPage:
        """List the payments of an order, newest first."""
        await catch_up(source, payment_details.MODEL, who, told)
        wanted = PaymentFilter(tenant_id=who.tenant_id, order_id=order_id)
        return await page_of(source, wanted, limit=limit, cursor=cursor)
