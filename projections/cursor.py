"""Where a page ended, as a text that means something to this service alone.

A cursor names the tenant it was given to. It grants nothing: the tenant of a query is that of the
caller, whatever a cursor says.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Final, TypeVar

import msgspec

from payment_gateway.domain.errors import InvalidValue
from projections.audit_log_queries import AfterEntry
from projections.daily_stats_queries import AfterDay
from projections.event_feed_queries import SEQUENCE_MAX, Place
from projections.payment_list_queries import After

LENGTH_MAX: Final = 512

Page = TypeVar("Page", bound="_Cursor")


class _PaymentCursor(
    msgspec.Struct, frozen=True, array_like=True, tag="p", forbid_unknown_fields=True
):
    tenant_id: str
    created_at: datetime
    payment_id: str


class _EventCursor(
    msgspec.Struct, frozen=True, array_like=True, tag="e", forbid_unknown_fields=True
):
    tenant_id: str
    payment_id: str
    revision: int


class _FeedCursor(
    msgspec.Struct, frozen=True, array_like=True, tag="f", forbid_unknown_fields=True
):
    tenant_id: str
    sequence: int
    event_id: str


class _DayCursor(msgspec.Struct, frozen=True, array_like=True, tag="d", forbid_unknown_fields=True):
    tenant_id: str
    day: str
    provider: str
    currency: str


class _EntryCursor(
    msgspec.Struct, frozen=True, array_like=True, tag="a", forbid_unknown_fields=True
):
    tenant_id: str
    at: datetime
    position: int


_Cursor = _PaymentCursor | _EventCursor | _FeedCursor | _DayCursor | _EntryCursor


def encode_after(tenant_id: str, after: After) -> str:
    """Return the cursor of the page after a payment."""
    return _encode(_PaymentCursor(tenant_id, after.created_at, after.payment_id))


def decode_after(tenant_id: str, cursor: str) -> After:
    """Return the last payment of the page before.

    Raises:
        InvalidValue: Not a cursor that was given to this tenant for such a list.
    """
    page = _decode(cursor, _PaymentCursor)
    if page.tenant_id != tenant_id or page.created_at.tzinfo is None:
        raise _refusal()
    return After(page.created_at, page.payment_id)


def encode_revision(tenant_id: str, payment_id: str, revision: int) -> str:
    """Return the cursor of the page that begins with a revision of a payment's history."""
    return _encode(_EventCursor(tenant_id, payment_id, revision))


def decode_revision(tenant_id: str, payment_id: str, cursor: str) -> int:
    """Return the revision with which a page begins.

    Raises:
        InvalidValue: Not a cursor that was given to this tenant for this history.
    """
    page = _decode(cursor, _EventCursor)
    if (page.tenant_id, page.payment_id) != (tenant_id, payment_id) or page.revision < 0:
        raise _refusal()
    return page.revision


def encode_place(tenant_id: str, place: Place) -> str:
    """Return the cursor of what follows a place in a tenant's feed."""
    return _encode(_FeedCursor(tenant_id, place.sequence, place.event_id))


def decode_place(tenant_id: str, cursor: str) -> Place:
    """Return the place in a tenant's feed that was read last.

    Raises:
        InvalidValue: Not a cursor that was given to this tenant for its feed.
    """
    page = _decode(cursor, _FeedCursor)
    if page.tenant_id != tenant_id or not 1 <= page.sequence <= SEQUENCE_MAX:
        raise _refusal()
    return Place(page.sequence, page.event_id)


def encode_day(tenant_id: str, after: AfterDay) -> str:
    """Return the cursor of what follows a day, provider and currency."""
    return _encode(_DayCursor(tenant_id, after.day, after.provider, after.currency))


def decode_day(tenant_id: str, cursor: str) -> AfterDay:
    """Return the last entry of the page before.

    Raises:
        InvalidValue: Not a cursor that was given to this tenant for such a list.
    """
    page = _decode(cursor, _DayCursor)
    if page.tenant_id != tenant_id:
        raise _refusal()
    return AfterDay(page.day, page.provider, page.currency)


def encode_entry(tenant_id: str, after: AfterEntry) -> str:
    """Return the cursor of the page after an entry of the audit log."""
    return _encode(_EntryCursor(tenant_id, after.at, after.position))


def decode_entry(tenant_id: str, cursor: str) -> AfterEntry:
    """Return the last entry of the page before.

    Raises:
        InvalidValue: Not a cursor that was given to this tenant for such a list.
    """
    page = _decode(cursor, _EntryCursor)
    if (
        page.tenant_id != tenant_id
        or page.at.tzinfo is None
        or not 0 <= page.position <= SEQUENCE_MAX
    ):
        raise _refusal()
    return AfterEntry(page.at, page.position)


def _encode(page: _Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(page)).decode().rstrip("=")


def _decode(cursor: str, kind: type[Page]) -> Page:
    if len(cursor) > LENGTH_MAX:
        raise _refusal()
    try:
        data = base64.b64decode(
            cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True
        )
        return msgspec.json.decode(data, type=kind)
    except ValueError as error:
        raise _refusal() from error


def _refusal() -> InvalidValue:
    return InvalidValue("not a cursor of this list", param="cursor")
