"""Routes over ``audit_log``: who did what, when and why.

Annotations are evaluated here, not postponed: those of the routes name what a router was given.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from payment_gateway.domain.errors import InvalidValue
from payment_gateway.infrastructure.persistence.mongodb import Document
from projections import audit_log
from projections.audit_log_queries import AfterEntry, AuditFilter, find_entries
from projections.cursor import decode_entry, encode_entry
from projections.payment_answers import Answer
from projections.query_context import (
    PAGE_SIZE_DEFAULT,
    Cursor,
    Dependency,
    Limit,
    Moment,
    PaymentId,
    Text,
)
from projections.query_parameters import created_before, created_from
from projections.reading import Asked, asking


class AuditEntry(Answer):
    """One thing that somebody did, or that the gateway did by itself."""

    id: str = Field(description="Of the event.", examples=["0198c5d0-7c1e-7b43-8a55-0c8f6a1d2e3f"])
    tenant_id: str = Field(examples=["demo"])
    recorded_at: datetime
    actor: str = Field(description="Who.", examples=["apikey:7f3a", "operator:maria", "recovery"])
    type: str = Field(description="What: the event's stored name.", examples=["RefundRequested"])
    reason: str | None = Field(description="Why, where the event says so.")
    subject: str = Field(description="To what: a stream.", examples=["tenant-demo"])
    revision: int = Field(description="Which event of that stream, counted from 0.")
    payment_id: str | None
    correlation_id: str = Field(description="The same for all that one request caused.")


class AuditPage(Answer):
    """A page of entries, newest first."""

    data: list[AuditEntry]
    next_cursor: str | None = Field(description="Asks for the next page; null on the last one.")


def add_routes(
    router: APIRouter, *, auditor: Dependency, operator: Dependency, queries: Dependency
) -> None:
    """Add the routes to a router.

    Args:
        router: To be added to.
        auditor: A FastAPI dependency of a ``Viewer`` who may see all entries of a tenant.
        operator: The same of one who may see those of one payment.
        queries: A FastAPI dependency of ``Queries``.
    """
    audit, look = (
        asking(viewer=auditor, queries=queries),
        asking(viewer=operator, queries=queries),
    )

    @router.get("/audit")
    async def list_entries(
        *,
        asked: Annotated[Asked, Depends(audit)],
        from_: Annotated[Moment, Query(alias="from")] = None,
        to: Moment = None,
        actor: Text = None,
        type_: Annotated[Text, Query(alias="type", description="A stored name.")] = None,
        limit: Limit = PAGE_SIZE_DEFAULT,
        cursor: Cursor = None,
    ) -> AuditPage:
        """List who did what, newest first."""
        if type_ is not None and type_ not in audit_log.MODEL.events:
            raise InvalidValue("no event has that name", param="type")
        wanted = AuditFilter(
            tenant_id=asked.tenant_id,
            actor=actor,
            type=type_,
            since=created_from(from_),
            before=created_before(to),
        )
        return await _page(asked, wanted, limit=limit, cursor=cursor)

    @router.get("/payments/{paymentId}/audit")
    async def list_entries_of_payment(
        *,
        payment_id: PaymentId,
        asked: Annotated[Asked, Depends(look)],
        limit: Limit = PAGE_SIZE_DEFAULT,
        cursor: Cursor = None,
    ) -> AuditPage:
        """List who did what about a payment, newest first, its notifications included."""
        wanted = AuditFilter(tenant_id=asked.tenant_id, payment_id=payment_id)
        return await _page(asked, wanted, limit=limit, cursor=cursor)


async def _page(asked: Asked, wanted: AuditFilter, *, limit: int, cursor: str | None) -> AuditPage:
    after = decode_entry(wanted.tenant_id, cursor) if cursor else None
    collection = (await asked.read(audit_log.MODEL)).collection()
    found = await find_entries(collection, wanted, limit=limit + 1, after=after)
    return AuditPage(
        data=[_entry(one) for one in found[:limit]],
        next_cursor=_next_cursor(wanted.tenant_id, found, limit=limit),
    )


def _next_cursor(tenant_id: str, found: Sequence[Document], *, limit: int) -> str | None:
    if len(found) <= limit:
        return None
    last = found[limit - 1]
    return encode_entry(tenant_id, AfterEntry(last["at"], last["position"]))


def _entry(document: Document) -> AuditEntry:
    return AuditEntry(
        id=document["_id"],
        tenant_id=document["tenantId"],
        recorded_at=document["at"],
        actor=document["actor"],
        type=document["type"],
        reason=document["reason"],
        subject=document["subject"],
        revision=document["revision"],
        payment_id=document.get("paymentId"),
        correlation_id=document["correlationId"],
    )
