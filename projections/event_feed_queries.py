"""Queries over ``event_feed``; each is answered from one of its indexes."""

from __future__ import annotations

from collections.abc import Collection as Names
from dataclasses import dataclass
from typing import Final

from pymongo import ASCENDING, DESCENDING

from payment_gateway.infrastructure.persistence.mongodb import Collection, Document
from projections.payment_queries import PAGE_SIZE_MAX, QUERY_TIMEOUT_MS

SEQUENCE_MAX: Final = 2**63 - 1  # what MongoDB can hold
# What is shown of an entry; its sequence makes the cursor.
_SHOWN: Final = dict.fromkeys(
    (
        *("sequence", "type", "paymentId", "revision", "recordedAt", "actor", "reason", "data"),
        "_id",
    ),
    1,
)


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of a tenant's feed, to go on after: its sequence, counted from 1, and its event."""

    sequence: int
    event_id: str


async def entries_after(
    collection: Collection, tenant_id: str, sequence: int, types: Names[str], limit: int
) -> list[Document]:
    """Return the entries of a tenant's feed that follow a sequence, in order.

    Args:
        collection: The main part of ``event_feed``.
        tenant_id: Whose feed.
        sequence: That of the last entry that is known; 0 for the beginning.
        types: The stored names that are wanted; none for all.
        limit: How many at most.
    """
    assert 1 <= limit <= PAGE_SIZE_MAX, "a page"
    found = (
        collection.find(criteria(tenant_id, sequence, types), _SHOWN)
        .sort([("sequence", ASCENDING)])
        .limit(limit)
        .max_time_ms(QUERY_TIMEOUT_MS)
    )
    return await found.to_list(limit)


async def newest_place(collection: Collection, tenant_id: str) -> Place | None:
    """Return the place of the newest entry of a tenant's feed, ``None`` where there is none."""
    newest = await collection.find_one(
        {"tenantId": tenant_id},
        {"sequence": 1},
        sort=[("sequence", DESCENDING)],
        max_time_ms=QUERY_TIMEOUT_MS,
    )
    return Place(newest["sequence"], newest["_id"]) if newest else None


async def holds(collection: Collection, tenant_id: str, place: Place) -> bool:
    """Tell whether a tenant's feed still has that event in that place.

    Built anew after events had been parked, it may count them in another order.
    """
    return (
        await collection.find_one(
            {"tenantId": tenant_id, "sequence": place.sequence, "_id": place.event_id},
            {"_id": 1},
            max_time_ms=QUERY_TIMEOUT_MS,
        )
        is not None
    )


def criteria(tenant_id: str, sequence: int, types: Names[str]) -> Document:
    """Return the query document."""
    query: Document = {"tenantId": tenant_id, "sequence": {"$gt": sequence}}
    if types:
        query["type"] = {"$in": sorted(types)}
    return query
