"""Query over ``payment_details``, answered by its id; and what bounds every query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from payment_gateway.infrastructure.persistence.mongodb import Collection, Document
from projections.generations import Shown
from projections.payment_details import MODEL

PAGE_SIZE_MAX: Final = 100
QUERY_TIMEOUT_MS: Final = 5_000
# Seldom asked, and not worth an index for every payment: all of them are looked at.
COUNT_TIMEOUT_MS: Final = 60_000


async def find_payment(collection: Collection, tenant_id: str, payment_id: str) -> Document | None:
    """Return a tenant's payment; ``None`` for another tenant's just as for none."""
    return await collection.find_one(
        {"_id": payment_id, "tenantId": tenant_id}, max_time_ms=QUERY_TIMEOUT_MS
    )


async def count_of_subjects(shown: Shown, tenant_id: str, subject_ids: Sequence[str]) -> int:
    """Return how many payments of a tenant carry data of one of these subjects.

    A payment without a customer carries what belongs to itself.

    Raises:
        NotBuilt: There is no read model of this version.
    """
    payments = await shown.collection(MODEL)
    wanted = list(subject_ids)
    theirs = {"$or": [{"subjectId": {"$in": wanted}}, {"_id": {"$in": wanted}}]}
    return await payments.count_documents(
        {"tenantId": tenant_id, **theirs}, maxTimeMS=COUNT_TIMEOUT_MS
    )
