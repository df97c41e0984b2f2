"""Read model: who did what, when and why. One entry for each event, whatever it is about.

An entry says what happened and to what, not with which data: that is in the log, which ``subject``, the
stream, and ``revision`` lead to. ``paymentId`` is there only where the event is about a payment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, get_args

from pymongo import ASCENDING, DESCENDING, IndexModel

from payment_gateway.domain.events.canary import CanaryRecordedEvent
from payment_gateway.domain.events.idempotency import IdempotencyEvent
from payment_gateway.domain.events.subject import SubjectEvent
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.event_types import EVENT_TYPES, stored_names
from payment_gateway.infrastructure.persistence.mongodb import Document
from projections.read_model import LATER_GATHERED_FOR_S, Changes, Found, Key, ReadModel

NAME: Final = "audit_log"

# Marks are nobody's doing. Streams of idempotency keys are removed after a while, and those of people's
# keys when they are forgotten, so that a log read again no longer has them: what they led to is in other
# streams.
NOT_AUDITED: Final = stored_names(
    CanaryRecordedEvent, *get_args(IdempotencyEvent), *get_args(SubjectEvent)
)

NEWEST_FIRST: Final = [("at", DESCENDING), ("position", DESCENDING)]
INDEXES: Final = (
    IndexModel([("tenantId", ASCENDING), *NEWEST_FIRST], name="tenant"),
    IndexModel([("tenantId", ASCENDING), ("actor", ASCENDING), *NEWEST_FIRST], name="actor"),
    IndexModel([("tenantId", ASCENDING), ("type", ASCENDING), *NEWEST_FIRST], name="type"),
    IndexModel(
        [("tenantId", ASCENDING), ("paymentId", ASCENDING), *NEWEST_FIRST],
        name="payment",
        partialFilterExpression={"paymentId": {"$exists": True}},
    ),
)


def keys(recorded: RecordedEvent) -> Sequence[Key]:
    """Return the entry of an event."""
    return (Key(recorded.event_id),)


def project(found: Found, recorded: RecordedEvent) -> Changes:
    """Return the entry of an event."""
    ((key, _),) = found.items()
    event, context = recorded.event, recorded.context
    entry: Document = {
        "tenantId": context.tenant_id,
        "at": context.at,
        "actor": context.actor,
        "type": recorded.type,
        "reason": _reason(recorded),
        "subject": recorded.stream,
        "revision": recorded.revision,
        "correlationId": context.correlation_id,
    }
    payment_id = getattr(event, "payment_id", None)
    return {key: entry if payment_id is None else {**entry, "paymentId": payment_id}}


def _reason(recorded: RecordedEvent) -> str | None:
    """Return why, where whoever did it said so, or the event does."""
    stated = (getattr(recorded.event, name, None) for name in ("reason", "note"))
    return next((one for one in (recorded.context.reason, *stated) if one), None)


MODEL: Final = ReadModel(
    name=NAME,
    version=1,
    categories=(
        *("payment", "saga", "webhook", "credential", "provider", "tenant", "erasure"),
        *("deadletter", "apikey", "endpoint", "delivery", "projection"),
    ),
    events=frozenset(known.name for known in EVENT_TYPES) - NOT_AUDITED,
    keys=keys,
    project=project,
    indexes={"": INDEXES},
    gathers_s=LATER_GATHERED_FOR_S,
)
