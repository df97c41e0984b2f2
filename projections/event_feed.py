"""Read model: everything that happens to a tenant's payments, in one sequence without gaps.

An entry is one event as it is shown (``EventAnswer``), its times as text so that no digit is lost.
``sequence`` counts a tenant's entries from 1, in the order in which they are projected: that of the log,
but that events that were parked take their place when they are replayed. The part ``counters`` holds how
many entries each tenant has, the part ``payments`` the currency of each payment, which its later events
do not all name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, get_args

from pymongo import ASCENDING, IndexModel

from payment_gateway.domain.events.payment import PaymentEvent, PaymentInitiatedEvent
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.event_types import stored_names
from payment_gateway.infrastructure.persistence.mongodb import Document
from projections.payment_details import CATEGORIES
from projections.payment_events import EventAnswer, event_answer
from projections.read_model import Changes, Found, Key, ReadModel

NAME: Final = "event_feed"
COUNTERS: Final = "counters"
PAYMENTS: Final = "payments"

INDEXES: Final = (
    IndexModel([("tenantId", ASCENDING), ("sequence", ASCENDING)], name="sequence", unique=True),
    IndexModel(
        [("tenantId", ASCENDING), ("type", ASCENDING), ("sequence", ASCENDING)], name="type"
    ),
)


def keys(recorded: RecordedEvent) -> Sequence[Key]:
    """Return the event's own entry, its tenant's counter and what is known of its payment."""
    assert isinstance(recorded.event, PaymentEvent), "only a payment's events come here"
    return (
        Key(recorded.event_id),
        Key(recorded.context.tenant_id, COUNTERS, shared=True),
        Key(recorded.event.payment_id, PAYMENTS),
    )


def project(found: Found, recorded: RecordedEvent) -> Changes:
    """Return the entry of an event, and the counter that gave it its place."""
    event, tenant_id = recorded.event, recorded.context.tenant_id
    assert isinstance(event, PaymentEvent), "only a payment's events come here"
    entry, counter, payment = found
    changes: dict[Key, Document] = {}
    if isinstance(event, PaymentInitiatedEvent):
        currency = event.currency
        changes[payment] = {"tenantId": tenant_id, "currency": currency}
    else:
        known = found[payment]
        assert known is not None, f"{type(event).__name__} before PaymentInitiatedEvent"
        currency = known["currency"]
    counted = found[counter]
    sequence = (counted["sequence"] if counted else 0) + 1
    changes[counter] = {"sequence": sequence}
    answer = event_answer(recorded, payment_id=event.payment_id, currency=currency)
    shown = answer.model_dump(mode="json", by_alias=True, exclude={"id"})
    changes[entry] = {"tenantId": tenant_id, "sequence": sequence, **shown}
    return changes


def entry_answer(entry: Document) -> EventAnswer:
    """Return an entry as it is shown."""
    return EventAnswer.model_validate({**entry, "id": entry["_id"]})


MODEL: Final = ReadModel(
    name=NAME,
    version=2,
    categories=CATEGORIES,
    events=stored_names(*get_args(PaymentEvent)),
    keys=keys,
    project=project,
    indexes={"": INDEXES, COUNTERS: (), PAYMENTS: ()},
)
