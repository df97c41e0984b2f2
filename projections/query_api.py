"""REST queries over the read models and the log: one module of routes for each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from fastapi import APIRouter

from projections import (
    audit_log_api,
    daily_stats_api,
    event_feed_api,
    order_payments_api,
    payment_details_api,
    payment_history_api,
    payment_list_api,
    provider_health_api,
)
from projections.conditional_route import ConditionalRoute
from projections.query_context import Dependency, Queries

__all__ = ["Queries", "create_query_router"]

_VIEWER_ROUTES: Final = (
    payment_details_api.add_routes,
    payment_list_api.add_routes,
    order_payments_api.add_routes,
    daily_stats_api.add_routes,
)


def create_query_router(
    *,
    viewer: Dependency,
    subscriber: Dependency,
    auditor: Dependency,
    operator: Dependency,
    queries: Dependency,
    still_allowed: event_feed_api.StillAllowed,
    provider_viewer: Dependency,
    now: Callable[[], datetime],
) -> APIRouter:
    """Return the routes.

    Args:
        viewer: A FastAPI dependency that returns a ``Viewer``, or refuses the request.
        subscriber: The same for who may see all events of a tenant.
        auditor: The same for who may see all that anybody did.
        operator: The same for who may see all that anybody did about one payment.
        queries: A FastAPI dependency that returns ``Queries``.
        still_allowed: Whether who made a request, some time ago, still may.
        provider_viewer: The same as ``viewer`` for who may see how a tenant's providers fare.
        now: The time.
    """
    router = APIRouter(prefix="/api/v1", tags=["queries"], route_class=ConditionalRoute)
    for add_routes in _VIEWER_ROUTES:
        add_routes(router, viewer=viewer, queries=queries)
    payment_history_api.add_routes(router, viewer=subscriber, queries=queries)
    event_feed_api.add_routes(
        router, viewer=subscriber, queries=queries, still_allowed=still_allowed
    )
    audit_log_api.add_routes(router, auditor=auditor, operator=operator, queries=queries)
    provider_health_api.add_routes(router, viewer=provider_viewer, queries=queries, now=now)
    return router
