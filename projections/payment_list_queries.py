"""Queries over ``payment_list``; each is answered from one of its indexes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from payment_gateway.infrastructure.persistence.mongodb import Collection, Document
from projections.payment_list import NEWEST_FIRST
from projections.payment_list_answers import ListedPayment, fields_shown
from projections.payment_queries import PAGE_SIZE_MAX, QUERY_TIMEOUT_MS

SHOWN: Final = fields_shown(ListedPayment)


@dataclass(frozen=True, slots=True)
class After:
    """The last payment of the page before."""

    created_at: datetime
    payment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFilter:
    """Which of a tenant's payments are wanted; ``None`` is any.

    Attributes:
        created_from: The earliest creation time.
        created_before: The earliest creation time that is too late.
    """

    tenant_id: str
    status: PaymentStatusVO | None = None
    provider: str | None = None
    order_id: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None


async def find_payments(
    collection: Collection, wanted: PaymentFilter, *, limit: int, after: After | None
) -> list[Document]:
    """Return the newest payments first, at most ``limit`` of them, going on after a page."""
    assert 1 <= limit <= PAGE_SIZE_MAX + 1, "one more than a page tells whether there is another"
    found = (
        collection.find(criteria(wanted, after), SHOWN)
        .sort(NEWEST_FIRST)
        .limit(limit)
        .max_time_ms(QUERY_TIMEOUT_MS)
    )
    return await found.to_list(limit)


def criteria(wanted: PaymentFilter, after: After | None) -> Document:
    """Return the query document; times bound the index even where a page goes on."""
    query: Document = {"tenantId": wanted.tenant_id}
    if wanted.status is not None:
        query["status"] = wanted.status.value
    if wanted.provider is not None:
        query["providerType"] = wanted.provider
    if wanted.order_id is not None:
        query["orderId"] = wanted.order_id
    created: Document = {}
    if wanted.created_from is not None:
        created["$gte"] = wanted.created_from
    if wanted.created_before is not None:
        created["$lt"] = wanted.created_before
    if after is not None:
        created["$lte"] = after.created_at
        query["$or"] = [
            {"createdAt": {"$lt": after.created_at}},
            {"_id": {"$lt": after.payment_id}},
        ]
    if created:
        query["createdAt"] = created
    return query
