"""What GraphQL shows: the same fields as REST, with the same names.

Amounts are decimal texts with the currency's own number of digits. Annotations are evaluated here, not
postponed: they are the schema.
"""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

import strawberry
from strawberry.scalars import JSON

Shown = TypeVar("Shown")


@strawberry.type(description="One line of what is paid for.")
class PaymentDetail:
    """One line of what is paid for."""

    quantity: int
    description: str
    price: str
    url_product: str | None


@strawberry.type(description="Money given back, or asked back.")
class Refund:
    """Money given back, or asked back."""

    refund_id: str
    amount: str
    status: str
    reason: str | None
    failure_reason: str | None
    provider_reference: str | None


@strawberry.type(description="One provider that was asked for a checkout.")
class Attempt:
    """One provider that was asked for a checkout."""

    attempt: int
    provider_type: str
    reference_number: str
    provider_order_id: str | None
    failure_reason: str | None


@strawberry.type(description="The payer asks the provider for the money back.")
class Dispute:
    """The payer asks the provider for the money back."""

    dispute_id: str
    amount: str | None
    reason: str
    outcome: str | None


@strawberry.type(description="A payment as a list shows it.")
class PaymentSummary:
    """A payment as a list shows it."""

    payment_id: str
    tenant_id: str
    external_reference_number: str
    order_id: str
    status: str
    provider_type: str
    amount: str
    currency: str
    refunded_total: str
    provider_reference: str | None
    failure_reason: str | None
    created_at: datetime
    updated_at: datetime
    revision: int


@strawberry.type(description="A payment.")
class Payment(PaymentSummary):
    """A payment, whole."""

    fallback_providers: list[str]
    allow_pending_payments: bool
    checkout_url: str | None
    expires_at: datetime | None
    captured: str | None
    details: list[PaymentDetail]
    refunds: list[Refund]
    attempts: list[Attempt]
    disputes: list[Dispute]
    custom_params: JSON | None


@strawberry.type(description="One event of a payment.")
class PaymentEvent:
    """One event of a payment."""

    id: str
    type: str
    payment_id: str
    revision: int
    recorded_at: datetime
    actor: str
    reason: str | None
    data: JSON


@strawberry.type(description="A tenant's payments of one day with one provider in one currency.")
class DailyStats:
    """A tenant's payments of one day with one provider in one currency."""

    day: str
    provider_type: str
    currency: str
    payments: int
    completed: int
    failed: int
    cancelled: int
    expired: int
    unknown: int
    initiated: str
    captured: str
    refunded: str
    success_rate: float | None


@strawberry.type(description="How a provider does for the tenant.")
class Provider:
    """How a provider does for the tenant."""

    provider_type: str
    configured: bool
    enabled: bool
    circuit: str
    calls_last_hour: int
    success_rate: float | None
    latency_ms_p50: int | None
    latency_ms_p95: int | None


@strawberry.type(description="Where a page of a connection begins and ends.")
class PageInfo:
    """Where a page begins and ends; pages go forward only."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type
class PaymentEdge:
    """A payment in a connection."""

    node: PaymentSummary
    cursor: str


@strawberry.type(description="A page of payments, newest first.")
class PaymentConnection:
    """A page of payments, newest first."""

    edges: list[PaymentEdge]
    page_info: PageInfo


_PARTS: dict[str, type] = {
    "details": PaymentDetail,
    "refunds": Refund,
    "attempts": Attempt,
    "disputes": Dispute,
}
_TIMES = frozenset({"created_at", "updated_at", "expires_at", "recorded_at"})


def shown(kind: type[Shown], answer: Mapping[str, Any]) -> Shown:
    """Return what REST answered as a type of the schema; what it does not have is left out."""
    return kind(**{one.name: _value(one.name, answer) for one in fields(kind)})  # type: ignore[arg-type]


def _value(name: str, answer: Mapping[str, Any]) -> Any:
    head, *tail = name.split("_")
    value = answer.get(head + "".join(part.capitalize() for part in tail))
    if value is not None and name in _TIMES:
        return datetime.fromisoformat(value)
    if name in _PARTS:
        return [shown(_PARTS[name], one) for one in value or ()]
    return value
