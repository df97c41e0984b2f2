"""Query over ``provider_health``, answered from its index."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pymongo import ASCENDING

from payment_gateway.infrastructure.persistence.mongodb import Collection, Document
from projections.payment_queries import QUERY_TIMEOUT_MS
from projections.provider_health import MINUTES, minute_of

_SHOWN: Final = {"_id": 0, "minute": 1, "providers": 1}


async def find_last_hour(collection: Collection, tenant_id: str, now: datetime) -> list[Document]:
    """Return the minutes of a tenant's last hour in which anything was answered, in order."""
    last = minute_of(now)
    found = (
        collection.find(
            {"tenantId": tenant_id, "minute": {"$gt": last - MINUTES, "$lte": last}}, _SHOWN
        )
        .sort([("minute", ASCENDING)])
        .limit(MINUTES)
        .max_time_ms(QUERY_TIMEOUT_MS)
    )
    return await found.to_list(MINUTES)
