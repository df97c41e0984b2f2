"""How refunds and disputes show in a payment's document."""

from __future__ import annotations

from typing import assert_never

from payment_gateway.domain.events.payment import (
    DisputeClosedEvent,
    DisputeOpenedEvent,
    ProviderRefundRecordedEvent,
    RefundCompletedEvent,
    RefundFailedEvent,
    RefundPendingEvent,
    RefundRequestedEvent,
)
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO, RefundStatusVO
from payment_gateway.infrastructure.persistence.mongodb import Document


def refunded(
    document: Document,
    event: RefundRequestedEvent
    | RefundPendingEvent
    | RefundCompletedEvent
    | RefundFailedEvent
    | ProviderRefundRecordedEvent,
) -> Document:
    """Return the document after an event of a refund."""
    refunds = document["refunds"]
    match event:
        case RefundRequestedEvent():
            refund = {
                "refundId": event.refund_id,
                "amountMinor": event.amount_minor,
                "status": RefundStatusVO.REQUESTED.value,
                "reason": event.reason,
                "failureReason": None,
                "providerReference": None,
            }
            if any(known["refundId"] == event.refund_id for known in refunds):
                # It never left, and is asked for again under its id.
                return {
                    **document,
                    "refunds": replaced(refunds, "refundId", event.refund_id, refund),
                }
            return {**document, "refunds": [*refunds, refund]}
        case ProviderRefundRecordedEvent():
            return _provider_refunded(document, event)
        case RefundPendingEvent():
            found = {
                "status": RefundStatusVO.PENDING.value,
                "providerReference": event.provider_reference,
            }
            return {**document, "refunds": replaced(refunds, "refundId", event.refund_id, found)}
        case RefundFailedEvent():
            found = {"status": RefundStatusVO.FAILED.value, "failureReason": event.reason}
            return {**document, "refunds": replaced(refunds, "refundId", event.refund_id, found)}
        case RefundCompletedEvent():
            return _refund_completed(document, event)
        case _:
            assert_never(event)


def _refund_completed(document: Document, event: RefundCompletedEvent) -> Document:
    found = {
        "status": RefundStatusVO.COMPLETED.value,
        "providerReference": event.provider_reference,
    }
    after = {
        **document,
        "refundedMinor": document["refundedMinor"] + event.amount_minor,
        "refunds": replaced(document["refunds"], "refundId", event.refund_id, found),
    }
    return _with_money_status(after)


def _provider_refunded(document: Document, event: ProviderRefundRecordedEvent) -> Document:
    refund = {
        "refundId": event.refund_id,
        "amountMinor": event.amount_minor,
        "status": RefundStatusVO.COMPLETED.value,
        "reason": None,
        "failureReason": None,
        "providerReference": event.provider_reference,
    }
    after = {
        **document,
        "refundedMinor": document["refundedMinor"] + event.amount_minor,
        "refunds": [*document["refunds"], refund],
    }
    return _with_money_status(after)


def disputed(document: Document, event: DisputeOpenedEvent | DisputeClosedEvent) -> Document:
    """Return the document after an event of a dispute."""
    match event:
        case DisputeOpenedEvent():
            dispute = {
                "disputeId": event.dispute_id,
                "amountMinor": event.amount_minor,
                "reason": event.reason,
                "outcome": None,
            }
            disputes = [*document["disputes"], dispute]
        case DisputeClosedEvent():
            found = {"outcome": event.outcome}
            disputes = replaced(document["disputes"], "disputeId", event.dispute_id, found)
        case _:
            assert_never(event)
    return _with_money_status({**document, "disputes": disputes})


def _with_money_status(document: Document) -> Document:
    """Return the document with the status that its refunds and disputes give it."""
    refunded_minor = document["refundedMinor"]
    if any(dispute["outcome"] is None for dispute in document["disputes"]):
        status = PaymentStatusVO.DISPUTED
    elif refunded_minor == 0:
        status = PaymentStatusVO.COMPLETED
    elif refunded_minor == document["capturedMinor"]:
        status = PaymentStatusVO.REFUNDED
    else:
        status = PaymentStatusVO.PARTIALLY_REFUNDED
    return {**document, "status": status.value}


def replaced(items: list[Document], key: str, id_: str, found: Document) -> list[Document]:
    """Return the list with what was found out about one of its items."""
    return [{**item, **found} if item[key] == id_ else item for item in items]
