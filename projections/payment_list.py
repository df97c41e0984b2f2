"""Read model: one small document for each payment, with what a list shows of it.

Amounts are counts of minor units of ``currency``. ``openDisputes`` is not shown: the status follows from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, get_args

from pymongo import ASCENDING, DESCENDING, IndexModel

from payment_gateway.domain.events.payment import (
    OperatorNeededEvent,
    PaymentCompletedEvent,
    PaymentEvent,
    PaymentInitiatedEvent,
    PaymentPendingEvent,
)
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.event_types import stored_names
from payment_gateway.infrastructure.persistence.mongodb import Document
from projections.payment_details import CATEGORIES
from projections.payment_standing import standing
from projections.read_model import Changes, Found, Key, ReadModel

NAME: Final = "payment_list"

NEWEST_FIRST: Final = [("createdAt", DESCENDING), ("_id", DESCENDING)]
INDEXES: Final = (
    IndexModel([("tenantId", ASCENDING), *NEWEST_FIRST], name="tenant"),
    IndexModel([("tenantId", ASCENDING), ("status", ASCENDING), *NEWEST_FIRST], name="status"),
    IndexModel(
        [("tenantId", ASCENDING), ("providerType", ASCENDING), *NEWEST_FIRST], name="provider"
    ),
    IndexModel([("tenantId", ASCENDING), ("orderId", ASCENDING), *NEWEST_FIRST], name="order"),
)


def keys(recorded: RecordedEvent) -> Sequence[Key]:
    """Return the document of the payment that an event belongs to."""
    assert isinstance(recorded.event, PaymentEvent), "only a payment's events come here"
    return (Key(recorded.event.payment_id),)


def project(found: Found, recorded: RecordedEvent) -> Changes:
    """Return the payment's document after an event."""
    event, at = recorded.event, recorded.context.at
    assert isinstance(event, PaymentEvent), "only a payment's events come here"
    ((key, document),) = found.items()
    after = summarised(document, event)
    return {key: {"createdAt": at, **after, "updatedAt": at, "revision": recorded.revision}}


def summarised(document: Document | None, event: PaymentEvent) -> Document:
    """Return the payment's standing after an event, and what it is known by."""
    after = standing(document, event)
    match event:
        case PaymentInitiatedEvent():
            return {
                **after,
                "externalReferenceNumber": event.external_reference,
                "orderId": event.order_id,
                "providerReference": None,
            }
        case PaymentCompletedEvent():
            return {**after, "providerReference": event.provider_reference}
        case PaymentPendingEvent() if event.provider_reference:
            return {**after, "providerReference": event.provider_reference}
        case OperatorNeededEvent() if event.question != "refund" and event.provider_reference:
            return {**after, "providerReference": event.provider_reference}
        case _:
            return after


MODEL: Final = ReadModel(
    name=NAME,
    version=1,
    categories=CATEGORIES,
    events=stored_names(*get_args(PaymentEvent)),
    keys=keys,
    project=project,
    indexes={"": INDEXES},
    partitionable=True,
)
