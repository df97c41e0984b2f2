"""Queries over ``payment_details`` for operations, across tenants; each is answered from an index."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pymongo import ASCENDING

from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from payment_gateway.infrastructure.persistence.mongodb import Collection, Document
from projections.payment_details import UNKNOWN
from projections.payment_queries import PAGE_SIZE_MAX, QUERY_TIMEOUT_MS

# A payment in one of these may still turn out either way.
_OPEN: Final = [
    status.value
    for status in (
        PaymentStatusVO.CREATED,
        PaymentStatusVO.AWAITING_PAYER,
        PaymentStatusVO.PROCESSING,
        PaymentStatusVO.PENDING,
        PaymentStatusVO.UNKNOWN,
        PaymentStatusVO.NEEDS_OPERATOR,
    )
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRef:
    """A payment and whose it is."""

    payment_id: str
    tenant_id: str


async def find_questions(collection: Collection, *, limit: int) -> list[Document]:
    """Return the payments that wait for a person, those that wait longest first."""
    assert 1 <= limit <= PAGE_SIZE_MAX, "a page"
    found = (
        collection.find({"questions.0": {"$exists": True}})
        .sort([("updatedAt", ASCENDING), ("_id", ASCENDING)])
        .limit(limit)
        .max_time_ms(QUERY_TIMEOUT_MS)
    )
    return await found.to_list(limit)


async def count_questions(collection: Collection) -> int:
    """Return how many payments wait for a person."""
    return await collection.count_documents(
        {"questions.0": {"$exists": True}}, maxTimeMS=QUERY_TIMEOUT_MS
    )


async def count_unknown(collection: Collection) -> int:
    """Return how many payments have an outcome that is not known."""
    return await collection.count_documents(UNKNOWN, maxTimeMS=QUERY_TIMEOUT_MS)


async def open_or_changed(
    collection: Collection, provider: str, *, since: datetime, before: datetime
) -> AsyncGenerator[list[PaymentRef], None]:
    """Yield a provider's payments that are open, then the others that changed between two times.

    What changes while this goes on is left to the next time: it would be met again and again.
    """
    async for page in _pages(
        collection, {"providerType": provider, "status": {"$in": _OPEN}}, "_id"
    ):
        yield page
    changed = {
        "providerType": provider,
        "status": {"$nin": _OPEN},
        "updatedAt": {"$gte": since, "$lt": before},
    }
    async for page in _pages(collection, changed, "updatedAt"):
        yield page


async def _pages(
    collection: Collection, criteria: Document, order: str
) -> AsyncGenerator[list[PaymentRef], None]:
    """Walk what matches, a page at a time; ends since every page begins after the one before."""
    keys = list(dict.fromkeys((order, "_id")))
    after: Document = {}
    while True:
        found = (
            collection.find({"$and": [criteria, after]}, {"tenantId": 1, order: 1})
            .sort([(key, ASCENDING) for key in keys])
            .limit(PAGE_SIZE_MAX)
            .max_time_ms(QUERY_TIMEOUT_MS)
        )
        page = await found.to_list(PAGE_SIZE_MAX)
        if page:
            yield [PaymentRef(payment_id=one["_id"], tenant_id=one["tenantId"]) for one in page]
        if len(page) < PAGE_SIZE_MAX:
            return
        last = page[-1]
        after = {"_id": {"$gt": last["_id"]}}
        if order != "_id":
            later = {order: {"$gt": last[order]}}
            after = {"$or": [later, {order: last[order], "_id": {"$gt": last["_id"]}}]}
