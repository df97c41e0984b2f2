"""Query over ``order_payments``, answered from its index."""

from __future__ import annotations

from typing import Final

from payment_gateway.infrastructure.persistence.mongodb import Collection, Document
from projections.payment_list import NEWEST_FIRST
from projections.payment_list_answers import OrderPayment, fields_shown
from projections.payment_list_queries import After, PaymentFilter, criteria
from projections.payment_queries import PAGE_SIZE_MAX, QUERY_TIMEOUT_MS

SHOWN: Final = fields_shown(OrderPayment)


async def find_order_payments(
    collection: Collection, tenant_id: str, order_id: str, *, limit: int, after: After | None
) -> list[Document]:
    """Return an order's newest payments first, at most ``limit`` of them, going on after a page."""
    assert 1 <= limit <= PAGE_SIZE_MAX + 1, "one more than a page tells whether there is another"
    wanted = PaymentFilter(tenant_id=tenant_id, order_id=order_id)
    found = (
        collection.find(criteria(wanted, after), SHOWN)
        .sort(NEWEST_FIRST)
        .limit(limit)
        .max_time_ms(QUERY_TIMEOUT_MS)
    )
    return await found.to_list(limit)
