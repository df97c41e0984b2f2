"""REST queries over the read models and the log: one module of routes for each."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from projections import (
    event_feed_api,
    order_payments_api,
    payment_details_api,
    payment_history_api,
    payment_list_api,
)
from projections.conditional_route import ConditionalRoute
from projections.query_context import Dependency, Queries

__all__ = ["Queries", "create_query_router"]

_VIEWER_ROUTES: Final = (
    payment_details_api.add_routes,
    payment_history_api.add_routes,
    payment_list_api.add_routes,
    order_payments_api.add_routes,
)


def create_query_router(
    *,
    viewer: Dependency,
    subscriber: Dependency,
    queries: Dependency,
    still_allowed: event_feed_api.StillAllowed,
) -> APIRouter:
    """Return the routes.

    Args:
        viewer: A FastAPI dependency that returns a ``Viewer``, or refuses the request.
        subscriber: The same for who may see all events of a tenant.
        queries: A FastAPI dependency that returns ``Queries``.
        still_allowed: Whether who made a request, some time ago, still may.
    """
    router = APIRouter(prefix="/api/v1", tags=["queries"], route_class=ConditionalRoute)
    for add_routes in _VIEWER_ROUTES:
        add_routes(router, viewer=viewer, queries=queries)
    event_feed_api.add_routes(
        router, viewer=subscriber, queries=queries, still_allowed=still_allowed
    )
    return router
