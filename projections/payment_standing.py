"""Where a payment stands: what the slim read models keep of it, derived from its events.

``payment_details`` keeps all there is; a list, an order and the statistics need a few fields only, so
that their documents stay small. The statuses are the same, which the tests hold against the aggregate.
"""

from __future__ import annotations

from typing import assert_never

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
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from payment_gateway.infrastructure.persistence.mongodb import Document


def standing(document: Document | None, event: PaymentEvent) -> Document:
    """Return a document with the payment's standing after an event, its other fields as they were.

    It has ``tenantId``, ``status``, ``providerType``, ``amountMinor``, ``currency``, ``capturedMinor``
    (null until it was), ``refundedMinor``, ``failureReason`` and ``openDisputes``, their ids.
    """
    if isinstance(event, PaymentInitiatedEvent):
        return {
            "tenantId": event.tenant_id,
            "status": PaymentStatusVO.CREATED.value,
            "providerType": event.provider,
            "amountMinor": event.amount_minor,
            "currency": event.currency,
            "capturedMinor": None,
            "refundedMinor": 0,
            "failureReason": None,
            "openDisputes": [],
        }
    assert document is not None, f"{type(event).__name__} before PaymentInitiatedEvent"
    return {**document, **_changed(document, event)}


def _changed(document: Document, event: PaymentEvent) -> Document:
    """Return the fields that an event changes, with what they are after it."""
    match event:
        case ProviderAttemptStartedEvent():
            return {"providerType": event.provider}
        case PaymentCompletedEvent():
            return {
                "status": PaymentStatusVO.COMPLETED.value,
                "capturedMinor": event.captured_minor,
            }
        case PaymentFailedEvent():
            return {"status": PaymentStatusVO.FAILED.value, "failureReason": event.reason}
        case OperatorNeededEvent() if event.question != "refund":
            return {"status": PaymentStatusVO.NEEDS_OPERATOR.value, "failureReason": event.reason}
        case RefundCompletedEvent() | ProviderRefundRecordedEvent():
            refunded_minor = document["refundedMinor"] + event.amount_minor
            return _with_money_status({**document, "refundedMinor": refunded_minor})
        case DisputeOpenedEvent() | DisputeClosedEvent():
            others = [one for one in document["openDisputes"] if one != event.dispute_id]
            opened = [event.dispute_id] if isinstance(event, DisputeOpenedEvent) else []
            return _with_money_status({**document, "openDisputes": [*others, *opened]})
        case _:
            status = _status(event)
            return {"status": status.value} if status else {}


def _status(event: PaymentEvent) -> PaymentStatusVO | None:
    """Return the status that an event gives a payment, whatever it was; ``None`` for none."""
    match event:
        case PaymentInitiatedEvent() | ProviderAttemptFailedEvent():
            return PaymentStatusVO.CREATED
        case CheckoutCreatedEvent() | CaptureDeclinedEvent():
            return PaymentStatusVO.AWAITING_PAYER
        case CaptureRequestedEvent():
            return PaymentStatusVO.PROCESSING
        case PaymentPendingEvent():
            return PaymentStatusVO.PENDING
        case PaymentCompletedEvent():
            return PaymentStatusVO.COMPLETED
        case PaymentFailedEvent():
            return PaymentStatusVO.FAILED
        case PaymentExpiredEvent():
            return PaymentStatusVO.EXPIRED
        case PaymentCancelledEvent():
            return PaymentStatusVO.CANCELLED
        case OutcomeUnknownEvent():
            return None if event.operation == "refund" else PaymentStatusVO.UNKNOWN
        case (
            ProviderAttemptStartedEvent()
            | RefundRequestedEvent()
            | RefundPendingEvent()
            | RefundCompletedEvent()
            | RefundFailedEvent()
            | ProviderRefundRecordedEvent()
            | DisputeOpenedEvent()
            | DisputeClosedEvent()
            | OperatorNeededEvent()
            | OperatorAnsweredEvent()
            | ReconciliationDifferenceFoundEvent()
            | LateFactRecordedEvent()
        ):
            return None
        case _:
            assert_never(event)


def _with_money_status(document: Document) -> Document:
    """Return the document with the status that its refunds and disputes give it."""
    if document["openDisputes"]:
        status = PaymentStatusVO.DISPUTED
    elif document["refundedMinor"] == 0:
        status = PaymentStatusVO.COMPLETED
    elif document["refundedMinor"] == document["capturedMinor"]:
        status = PaymentStatusVO.REFUNDED
    else:
        status = PaymentStatusVO.PARTIALLY_REFUNDED
    return {**document, "status": status.value}
