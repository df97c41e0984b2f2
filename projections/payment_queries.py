"""Query over ``payment_details``, answered by its id; and what bounds every query."""

from __future__ import annotations

from typing import Final

from payment_gateway.infrastructure.persistence.mongodb import Collection, Document

PAGE_SIZE_MAX: Final = 100
QUERY_TIMEOUT_MS: Final = 5_000


async def find_payment(collection: Collection, tenant_id: str, payment_id: str) -> Document | None:
    """Return a tenant's payment; ``None`` for another tenant's just as for none."""
    return await collection.find_one(
        {"_id": payment_id, "tenantId": tenant_id}, max_time_ms=QUERY_TIMEOUT_MS
    )
