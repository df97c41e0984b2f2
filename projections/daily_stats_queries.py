"""Query over ``daily_stats``, answered from its index."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from pymongo import ASCENDING

from payment_gateway.infrastructure.persistence.mongodb import Collection, Document
from projections.payment_queries import PAGE_SIZE_MAX, QUERY_TIMEOUT_MS

_ORDER: Final = ("day", "providerType", "currency")
_NOT_SHOWN: Final = {"_id": 0, "tenantId": 0}


@dataclass(frozen=True, slots=True)
class AfterDay:
    """The last entry of the page before; ``day`` as ``2026-02-03``."""

    day: str
    provider: str
    currency: str


async def find_days(
    totals: Collection,
    tenant_id: str,
    *,
    first: date | None,
    last: date | None,
    limit: int,
    after: AfterDay | None,
) -> list[Document]:
    """Return a tenant's sums, the oldest day first, then by provider and currency.

    Args:
        totals: The part ``totals`` of ``daily_stats``.
        tenant_id: Whose payments.
        first: The first day wanted; ``None`` for any.
        last: The last day wanted; ``None`` for any.
        limit: How many at most.
        after: Where the page before ended.
    """
    assert 1 <= limit <= PAGE_SIZE_MAX + 1, "one more than a page tells whether there is another"
    found = (
        totals.find(_criteria(tenant_id, first, last, after), _NOT_SHOWN)
        .sort([(field, ASCENDING) for field in _ORDER])
        .limit(limit)
        .max_time_ms(QUERY_TIMEOUT_MS)
    )
    return await found.to_list(limit)


def _criteria(
    tenant_id: str, first: date | None, last: date | None, after: AfterDay | None
) -> Document:
    # A provider that all of a day's payments went away from keeps a sum of nothing.
    query: Document = {"tenantId": tenant_id, "payments": {"$gt": 0}}
    days: Document = {}
    if first is not None:
        days["$gte"] = first.isoformat()
    if last is not None:
        days["$lte"] = last.isoformat()
    if after is not None:
        days["$gte"] = max(after.day, days.get("$gte", ""))
        query["$or"] = [
            {"day": {"$gt": after.day}},
            {"providerType": {"$gt": after.provider}},
            {"providerType": after.provider, "currency": {"$gt": after.currency}},
        ]
    if days:
        query["day"] = days
    return query
