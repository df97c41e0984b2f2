"""Route over ``daily_stats``: how a tenant's payments fared, day by day.

Annotations are evaluated here, not postponed: those of the routes name what a router was given.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from projections import daily_stats
from projections.cursor import decode_day, encode_day
from projections.daily_stats_answers import DayPage, day_answer
from projections.daily_stats_queries import AfterDay, find_days
from projections.payment_queries import PAGE_SIZE_MAX
from projections.query_context import Cursor, Dependency, Limit, Moment
from projections.query_parameters import day_of
from projections.read_model import TOTALS
from projections.reading import Asked, asking


def add_routes(router: APIRouter, *, viewer: Dependency, queries: Dependency) -> None:
    """Add the route to a router."""
    ask = asking(viewer=viewer, queries=queries)

    @router.get("/stats/daily")
    async def list_days(
        *,
        asked: Annotated[Asked, Depends(ask)],
        from_: Annotated[Moment, Query(alias="from")] = None,
        to: Moment = None,
        limit: Limit = PAGE_SIZE_MAX,
        cursor: Cursor = None,
    ) -> DayPage:
        """Show how the tenant's payments fared by day, provider and currency, oldest day first."""
        tenant_id = asked.tenant_id
        first, last = day_of(from_, param="from"), day_of(to, param="to")
        after = decode_day(tenant_id, cursor) if cursor else None
        totals = (await asked.read(daily_stats.MODEL)).collection(TOTALS)
        found = await find_days(
            totals, tenant_id, first=first, last=last, limit=limit + 1, after=after
        )
        page = found[:limit]
        more = None
        if len(found) > limit:
            end = page[-1]
            more = AfterDay(end["day"], end["providerType"], end["currency"])
        return DayPage(
            data=[day_answer(total) for total in page],
            next_cursor=more and encode_day(tenant_id, more),
        )
