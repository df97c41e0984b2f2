"""Read model: one document for each payment, found by its order, with what an order page needs.

Beside what a list shows of a payment: where the payer can pay, and until when.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, get_args

from pymongo import ASCENDING, DESCENDING, IndexModel

from payment_gateway.domain.events.payment import (
    CheckoutCreatedEvent,
    PaymentEvent,
    PaymentInitiatedEvent,
)
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.event_types import stored_names
from payment_gateway.infrastructure.persistence.mongodb import Document
from projections.payment_details import CATEGORIES
from projections.payment_list import summarised
from projections.read_model import Changes, Found, Key, ReadModel

NAME: Final = "order_payments"

INDEXES: Final = (
    IndexModel(
        [
            ("tenantId", ASCENDING),
            ("orderId", ASCENDING),
            ("createdAt", DESCENDING),
            ("_id", DESCENDING),
        ],
        name="order",
    ),
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
    after = {**summarised(document, event), **_checkout(event)}
    return {key: {"createdAt": at, **after, "updatedAt": at, "revision": recorded.revision}}


def _checkout(event: PaymentEvent) -> Document:
    match event:
        case PaymentInitiatedEvent():
            return {"checkoutUrl": None, "expiresAt": None}
        case CheckoutCreatedEvent():
            return {"checkoutUrl": event.checkout_url, "expiresAt": event.expires_at}
        case _:
            return {}


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
