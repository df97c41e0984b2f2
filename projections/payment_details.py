"""Read model: one document for each payment, with all that a viewer may be shown of it.

Amounts are counts of minor units of ``currency``. ``personal`` stays sealed. Statuses are those of
``PaymentStatusVO`` and ``RefundStatusVO``, derived from the events just as the write side derives them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Final, assert_never, get_args

from pymongo import ASCENDING, IndexModel

from payment_gateway.domain.events.payment import (
    CaptureDeclinedEvent,
    CaptureRequestedEvent,
    CheckoutCreatedEvent,
    DisputeClosedEvent,
    DisputeOpenedEvent,
    LateFactRecordedEvent,
    OperatorAnsweredEvent,
    OperatorNeededEvent,
    OutcomeUnknownEvent,
    PaymentCancelledEvent,
    PaymentCompletedEvent,
    PaymentEvent,
    PaymentExpiredEvent,
    PaymentFailedEvent,
    PaymentInitiatedEvent,
    PaymentPendingEvent,
    ProviderAttemptFailedEvent,
    ProviderAttemptStartedEvent,
    ProviderRefundRecordedEvent,
    ReconciliationDifferenceFoundEvent,
    RefundCompletedEvent,
    RefundFailedEvent,
    RefundPendingEvent,
    RefundRequestedEvent,
)
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO, RefundStatusVO
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.event_types import stored_names
from payment_gateway.infrastructure.persistence.mongodb import Document
from projections.payment_money import disputed, refunded, replaced
from projections.read_model import Changes, Found, Key, ReadModel, apply

NAME: Final = "payment_details"
# Tenants, credentials and erasures are ignored, but as commands that wrote them hand out their positions,
# whoever waits for one is not kept waiting.
CATEGORIES: Final = ("payment", "tenant", "credential", "erasure")

# Few: an index of them alone.
UNKNOWN: Final[Document] = {"status": PaymentStatusVO.UNKNOWN.value}
# For operations, across tenants; lists of a tenant's payments are read models of their own.
INDEXES: Final = (
    IndexModel([("status", ASCENDING)], name="unknown", partialFilterExpression=UNKNOWN),
    IndexModel(
        [("updatedAt", ASCENDING), ("_id", ASCENDING)],
        name="questions",
        partialFilterExpression={"questions.0": {"$exists": True}},
    ),
    IndexModel(
        [("providerType", ASCENDING), ("status", ASCENDING), ("_id", ASCENDING)],
        name="provider_status",
    ),
    IndexModel(
        [("providerType", ASCENDING), ("updatedAt", ASCENDING), ("_id", ASCENDING)],
        name="provider_changed",
    ),
)


def keys(recorded: RecordedEvent) -> Sequence[Key]:
    """Return the document of the payment that an event belongs to."""
    assert isinstance(recorded.event, PaymentEvent), "only a payment's events come here"
    return (Key(recorded.event.payment_id),)


def project(found: Found, recorded: RecordedEvent) -> Changes:
    """Return the payment's document after an event."""
    assert isinstance(recorded.event, PaymentEvent), "only a payment's events come here"
    ((key, document),) = found.items()
    at = recorded.context.at
    after = project_payment(document, recorded.event)
    return {key: {"createdAt": at, **after, "updatedAt": at, "revision": recorded.revision}}


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


def as_of(events: Iterable[RecordedEvent], moment: datetime) -> Document | None:
    """Return the document of a payment as it was at a time; ``None`` if there was none yet.

    Of clocks that differ, the order of the events decides: what follows a later event is later.
    """
    documents: dict[Key, Document] = {}
    for recorded in takewhile(lambda event: event.context.at <= moment, events):
        documents.update(apply(MODEL, documents, recorded))
    return next(iter(documents.values()), None)


def project_payment(document: Document | None, event: PaymentEvent) -> Document:
    """Return the document after an event. It refuses nothing: what is recorded has happened."""
    if isinstance(event, PaymentInitiatedEvent):
        return _initiated(event)
    assert document is not None, f"{type(event).__name__} before PaymentInitiatedEvent"
    match event:
        case ProviderAttemptStartedEvent() | ProviderAttemptFailedEvent() | CheckoutCreatedEvent():
            return _attempted(document, event)
        case CaptureRequestedEvent():
            return {**document, "status": PaymentStatusVO.PROCESSING.value}
        case CaptureDeclinedEvent():
            return {**document, "status": PaymentStatusVO.AWAITING_PAYER.value}
        case (
            RefundRequestedEvent()
            | RefundPendingEvent()
            | RefundCompletedEvent()
            | RefundFailedEvent()
            | ProviderRefundRecordedEvent()
        ):
            return refunded(document, event)
        case DisputeOpenedEvent() | DisputeClosedEvent():
            return disputed(document, event)
        case OperatorNeededEvent() | OperatorAnsweredEvent():
            return _asked(document, event)
        case ReconciliationDifferenceFoundEvent():
            found = {"subject": event.subject, "ours": event.ours, "theirs": event.theirs}
            return {**document, "differences": [*document["differences"], found]}
        case OutcomeUnknownEvent():
            return _in_doubt(document, event)
        case LateFactRecordedEvent():
            return {**document, "lateFacts": document["lateFacts"] + 1}
        case _:
            return _settled(document, event)


def _initiated(event: PaymentInitiatedEvent) -> Document:
    return {
        "_id": event.payment_id,
        "tenantId": event.tenant_id,
        "externalReferenceNumber": event.external_reference,
        "orderId": event.order_id,
        "status": PaymentStatusVO.CREATED.value,
        "providerType": event.provider,
        "fallbackProviders": list(event.fallback_providers),
        "allowPendingPayments": event.allow_pending,
        "amountMinor": event.amount_minor,
        "currency": event.currency,
        "items": [
            {
                "quantity": item.quantity,
                "description": item.description,
                "priceMinor": item.price_minor,
                "urlProduct": item.url_product,
            }
            for item in event.items
        ],
        "checkoutUrl": None,
        "expiresAt": None,
        "providerReference": None,
        "capturedMinor": None,
        "refundedMinor": 0,
        "refunds": [],
        "attempts": [],
        "failureReason": None,
        "disputes": [],
        "questions": [],
        "differences": [],
        "lateFacts": 0,
        "subjectId": event.subject_id,
        "personal": event.personal,
    }


def _attempted(
    document: Document,
    event: ProviderAttemptStartedEvent | ProviderAttemptFailedEvent | CheckoutCreatedEvent,
) -> Document:
    match event:
        case ProviderAttemptStartedEvent():
            attempt = {
                "attemptId": event.attempt_id,
                "attempt": event.attempt,
                "providerType": event.provider,
                "referenceNumber": event.provider_reference_number,
                "providerOrderId": None,
                "failureReason": None,
            }
            attempts = [*document["attempts"], attempt]
            return {**document, "providerType": event.provider, "attempts": attempts}
        case ProviderAttemptFailedEvent():
            found = {"failureReason": event.reason}
            attempts = replaced(document["attempts"], "attemptId", event.attempt_id, found)
            return {**document, "status": PaymentStatusVO.CREATED.value, "attempts": attempts}
        case CheckoutCreatedEvent():
            found = {"providerOrderId": event.provider_order_id}
            return {
                **document,
                "status": PaymentStatusVO.AWAITING_PAYER.value,
                "checkoutUrl": event.checkout_url,
                "expiresAt": event.expires_at,
                "attempts": replaced(document["attempts"], "attemptId", event.attempt_id, found),
            }
        case _:
            assert_never(event)


def _settled(
    document: Document,
    event: PaymentPendingEvent
    | PaymentCompletedEvent
    | PaymentFailedEvent
    | PaymentExpiredEvent
    | PaymentCancelledEvent,
) -> Document:
    match event:
        case PaymentPendingEvent():
            known = event.provider_reference or document["providerReference"]
            found = {"status": PaymentStatusVO.PENDING.value, "providerReference": known}
        case PaymentCompletedEvent():
            found = {
                "status": PaymentStatusVO.COMPLETED.value,
                "providerReference": event.provider_reference,
                "capturedMinor": event.captured_minor,
            }
        case PaymentFailedEvent():
            found = {"status": PaymentStatusVO.FAILED.value, "failureReason": event.reason}
        case PaymentExpiredEvent():
            found = {"status": PaymentStatusVO.EXPIRED.value}
        case PaymentCancelledEvent():
            found = {"status": PaymentStatusVO.CANCELLED.value}
        case _:
            assert_never(event)
    return {**document, **found}


def _asked(document: Document, event: OperatorNeededEvent | OperatorAnsweredEvent) -> Document:
    others = [known for known in document["questions"] if known["refundId"] != event.refund_id]
    if isinstance(event, OperatorAnsweredEvent):
        return {**document, "questions": others}
    asked = {"refundId": event.refund_id, "reason": event.reason}
    after = {**document, "questions": [*others, asked]}
    if event.question == "refund":
        return after
    known = event.provider_reference or document["providerReference"]
    return {
        **after,
        "status": PaymentStatusVO.NEEDS_OPERATOR.value,
        "providerReference": known,
        "failureReason": event.reason,
    }


def _in_doubt(document: Document, event: OutcomeUnknownEvent) -> Document:
    if event.operation != "refund":
        return {**document, "status": PaymentStatusVO.UNKNOWN.value}
    found = {"status": RefundStatusVO.UNKNOWN.value}
    return {
        **document,
        "refunds": replaced(document["refunds"], "refundId", event.intent_id, found),
    }
