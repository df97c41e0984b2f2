"""Query over ``audit_log``; answered from one of its indexes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from payment_gateway.infrastructure.persistence.mongodb import Collection, Document
from projections.audit_log import NEWEST_FIRST
from projections.payment_queries import PAGE_SIZE_MAX, QUERY_TIMEOUT_MS

# ``position`` makes the cursor.
_SHOWN: Final = dict.fromkeys(
    (
        *("_id", "position", "tenantId", "at", "actor", "type", "reason", "subject", "revision"),
        *("correlationId", "paymentId"),
    ),
    1,
)


@dataclass(frozen=True, slots=True)
class AfterEntry:
    """The last entry of the page before."""

    at: datetime
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which of a tenant's entries are wanted; ``None`` is any.

    Attributes:
        tenant_id: Whose; ``*`` for what was done about all tenants.
        since: The earliest time wanted.
        before: The earliest time that is too late.
    """

    tenant_id: str
    actor: str | None = None
    type: str | None = None
    payment_id: str | None = None
    since: datetime | None = None
    before: datetime | None = None


async def find_entries(
    collection: Collection, wanted: AuditFilter, *, limit: int, after: AfterEntry | None
) -> list[Document]:
    """Return the newest entries first, at most ``limit`` of them, going on after a page."""
    assert 1 <= limit <= PAGE_SIZE_MAX + 1, "one more than a page tells whether there is another"
    found = (
        collection.find(_criteria(wanted, after), _SHOWN)
        .sort(NEWEST_FIRST)
        .limit(limit)
        .max_time_ms(QUERY_TIMEOUT_MS)
    )
    return await found.to_list(limit)


def _criteria(wanted: AuditFilter, after: AfterEntry | None) -> Document:
    query: Document = {"tenantId": wanted.tenant_id}
    if wanted.actor is not None:
        query["actor"] = wanted.actor
    if wanted.type is not None:
        query["type"] = wanted.type
    if wanted.payment_id is not None:
        query["paymentId"] = wanted.payment_id
    times: Document = {}
    if wanted.since is not None:
        times["$gte"] = wanted.since
    if wanted.before is not None:
        times["$lt"] = wanted.before
    if after is not None:
        times["$lte"] = after.at
        query["$or"] = [{"at": {"$lt": after.at}}, {"position": {"$lt": after.position}}]
    if times:
        query["at"] = times
    return query
