"""How it goes: today, the last hour by the minute, the last days, the providers, the newest payments."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from fastapi.responses import RedirectResponse, Response

from payment_gateway.dashboard.last_hour import (
    charts_of,
    operations,
    payments_a_minute,
    rows_of,
)
from payment_gateway.dashboard.rendering import page, pages_of
from payment_gateway.dashboard.series import day_series, today_of
from payment_gateway.dashboard.visitor import ROOT, Doors, Visitor, doors_of, visitor_of

router = APIRouter(prefix=ROOT, include_in_schema=False)

RECENT: Final = "10"
DAYS_SHOWN: Final = timedelta(days=30)
# So many days, providers and currencies are told apart; the newest of more would be missing.
STATS_PAGES_MAX: Final = 20


@router.get("", response_model=None)
async def overview(
    visitor: Annotated[Visitor, Depends(visitor_of)], doors: Annotated[Doors, Depends(doors_of)]
) -> Response:
    """Show how it goes; whoever may not see that is led to what they may see."""
    if not (visitor.may("viewer") and visitor.has_tenant):
        return _elsewhere(visitor)
    now = doors.now().astimezone(UTC)
    payments, days, status, health = await asyncio.gather(
        visitor.api.get("/payments", limit=RECENT),
        _days(visitor, now),
        visitor.api.get("/providers/status"),
        visitor.api.get("/providers/health"),
    )
    fared = health["providers"]
    return page(
        "overview.html",
        visitor,
        title="Overview",
        payments=payments["data"],
        days=days,
        day_series=day_series(days, first=now.date() - DAYS_SHOWN, last=now.date()),
        operations=operations(fared, now),
        rate=payments_a_minute(fared, now),
        charts=charts_of(fared, now),
        minutes=rows_of(fared),
        today=today_of(days, now.date()),
        providers=_joined(status["providers"], fared),
    )


def _elsewhere(visitor: Visitor) -> Response:
    others = [one for one in pages_of(visitor) if one.path]
    if others:
        return RedirectResponse(f"{ROOT}{others[0].path}", status_code=303)
    text = "The roles of this key have no page here; it is for the REST interface."
    return page("refused.html", visitor, title="Not allowed", text=text, code=403)


async def _days(visitor: Visitor, now: datetime) -> list[dict[str, Any]]:
    since = (now.date() - DAYS_SHOWN).isoformat()
    days: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(STATS_PAGES_MAX):
        found = await visitor.api.get("/stats/daily", **{"from": since, "cursor": cursor})
        days += found["data"]
        cursor = found["nextCursor"]
        if cursor is None:
            break
    return days


def _joined(status: list[dict[str, Any]], health: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each provider with its last hour as the log tells it, ``None`` where it was not asked."""
    fared = {one["providerType"]: one for one in health}
    return [{**one, "health": fared.get(one["providerType"])} for one in status]
