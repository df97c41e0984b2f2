"""Read model: how a tenant's payments fared, by day, provider and currency.

A payment counts for the day (in UTC) on which it was initiated, under the provider that has it last, for
all its life: what it comes to later, a refund or the end of a doubt, changes the figures of that day. So the
parts of a day always add up to its payments, and a day's success rate says how the payments of that day
ended.

The main part has the facts of one payment each; ``totals`` sums them, one document for each tenant, day,
provider and currency. Amounts are counts of minor units.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, get_args

from pymongo import ASCENDING, IndexModel

from payment_gateway.domain.events.payment import PaymentCompletedEvent, PaymentEvent
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.event_types import stored_names
from payment_gateway.infrastructure.persistence.mongodb import Document
from projections.payment_details import CATEGORIES
from projections.payment_standing import standing
from projections.read_model import (
    LATER_GATHERED_FOR_S,
    TOTALS,
    Changes,
    Found,
    Key,
    ReadModel,
    Total,
)

NAME: Final = "daily_stats"

# Upper ends of the classes that times to complete are counted in, in seconds; the last has no end.
TIME_CLASSES_S: Final = (2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 10_800, 86_400)
LONGER: Final = "longer"

_OUTCOMES: Final = {
    PaymentStatusVO.CREATED: "open",
    PaymentStatusVO.AWAITING_PAYER: "open",
    PaymentStatusVO.PROCESSING: "open",
    PaymentStatusVO.PENDING: "open",
    PaymentStatusVO.COMPLETED: "completed",
    PaymentStatusVO.PARTIALLY_REFUNDED: "completed",
    PaymentStatusVO.REFUNDED: "completed",
    PaymentStatusVO.DISPUTED: "completed",
    PaymentStatusVO.FAILED: "failed",
    PaymentStatusVO.CANCELLED: "cancelled",
    PaymentStatusVO.EXPIRED: "expired",
    PaymentStatusVO.UNKNOWN: "unknown",
    PaymentStatusVO.NEEDS_OPERATOR: "needsOperator",
}

INDEXES: Final = (
    IndexModel(
        [
            ("tenantId", ASCENDING),
            ("day", ASCENDING),
            ("providerType", ASCENDING),
            ("currency", ASCENDING),
        ],
        name="day",
    ),
)


def keys(recorded: RecordedEvent) -> Sequence[Key]:
    """Return the facts of the payment that an event belongs to."""
    assert isinstance(recorded.event, PaymentEvent), "only a payment's events come here"
    return (Key(recorded.event.payment_id),)


def project(found: Found, recorded: RecordedEvent) -> Changes:
    """Return the payment's facts after an event."""
    event, at = recorded.event, recorded.context.at
    assert isinstance(event, PaymentEvent), "only a payment's events come here"
    ((key, document),) = found.items()
    initiated = {"initiatedAt": _milliseconds(at), "completeMs": None}
    after = {**initiated, **standing(document, event)}
    if isinstance(event, PaymentCompletedEvent) and after["completeMs"] is None:
        # Clocks of two machines may differ; no payment is completed before it is initiated.
        after["completeMs"] = max(0, _milliseconds(at) - after["initiatedAt"])
    return {key: after}


def totals(document: Document) -> Iterable[Total]:
    """Return what a payment adds to its day."""
    tenant_id, provider, currency = (
        document[field] for field in ("tenantId", "providerType", "currency")
    )
    day = datetime.fromtimestamp(document["initiatedAt"] / 1000, UTC).date().isoformat()
    counts = {
        "payments": 1,
        f"outcomes.{outcome_of(PaymentStatusVO(document['status']))}": 1,
        "initiatedMinor": document["amountMinor"],
        "capturedMinor": document["capturedMinor"] or 0,
        "refundedMinor": document["refundedMinor"],
    }
    complete_ms = document["completeMs"]
    if complete_ms is not None:
        counts |= {
            "timeToComplete.count": 1,
            "timeToComplete.sumMs": complete_ms,
            f"timeToComplete.classes.{time_class(complete_ms)}": 1,
        }
    yield Total(
        id=f"{tenant_id}|{day}|{provider}|{currency}",
        group={
            "tenantId": tenant_id,
            "day": day,
            "providerType": provider,
            "currency": currency,
        },
        counts=counts,
    )


def outcome_of(status: PaymentStatusVO) -> str:
    """Return how a payment in that status counts."""
    return _OUTCOMES[status]


def time_class(complete_ms: int) -> str:
    """Return the class that a time to complete is counted in: its upper end in seconds."""
    fitting = (end for end in TIME_CLASSES_S if complete_ms <= end * 1000)
    return str(next(fitting, LONGER))


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


MODEL: Final = ReadModel(
    name=NAME,
    version=1,
    categories=CATEGORIES,
    events=stored_names(*get_args(PaymentEvent)),
    keys=keys,
    project=project,
    indexes={"": (), TOTALS: INDEXES},
    totals=totals,
    partitionable=True,
    gathers_s=LATER_GATHERED_FOR_S,
)
