"""What was taken and given back, added up from the events alone, without any read model's code.

The rules it is held to: nothing is negative, no more is taken than was asked for, and no more is given
back than was taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from payment_gateway.domain.events.payment import (
    PaymentCompletedEvent,
    PaymentInitiatedEvent,
    ProviderRefundRecordedEvent,
    RefundCompletedEvent,
)
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.mongodb import Document
from projections.read_model import Key
from projections.verify_report import EventPlace, Fault, FaultKind
from projections.verify_shelf import Shelf

AMOUNT: Final = "amountMinor"
CAPTURED: Final = "capturedMinor"
REFUNDED: Final = "refundedMinor"


def add_up(shelf: Shelf, recorded: RecordedEvent) -> Fault | None:
    """Add an event to the sums of its payment; return the rule that it breaks."""
    moved = _moved(recorded)
    if moved is None:
        return None
    payment_id, field, by_minor = moved
    key = Key(payment_id)
    sums = shelf.get(key) or {AMOUNT: 0, CAPTURED: 0, REFUNDED: 0}
    sums[field] += by_minor
    shelf.put(key, sums, recorded)
    broken = _broken(sums, by_minor)
    if broken is None:
        return None
    return Fault(
        kind=FaultKind.MONEY,
        cause=f"the log itself breaks a rule: {broken}",
        key=key,
        field=field,
        found=str(sums[field]),
        event=EventPlace.of(recorded),
    )


def disagreement(sums: Mapping[str, int], document: Document) -> tuple[str, int, object] | None:
    """Return the first amount of a payment's document that the sums contradict.

    It is a field with what it has to be and what it is. A field that a document does not have says
    nothing, and one that is null means that nothing was moved.
    """
    for field in (AMOUNT, CAPTURED, REFUNDED):
        if field in document and (document[field] or 0) != sums[field]:
            return field, sums[field], document[field]
    return None


def _moved(recorded: RecordedEvent) -> tuple[str, str, int] | None:
    match recorded.event:
        case PaymentInitiatedEvent(payment_id=payment_id, amount_minor=minor):
            return payment_id, AMOUNT, minor
        case PaymentCompletedEvent(payment_id=payment_id, captured_minor=minor):
            return payment_id, CAPTURED, minor
        case RefundCompletedEvent(payment_id=payment_id, amount_minor=minor):
            return payment_id, REFUNDED, minor
        case ProviderRefundRecordedEvent(payment_id=payment_id, amount_minor=minor):
            return payment_id, REFUNDED, minor
        case _:
            return None


def _broken(sums: Mapping[str, int], by_minor: int) -> str | None:
    if by_minor < 0:
        return "an amount is negative"
    if sums[CAPTURED] > sums[AMOUNT]:
        return "more was taken than was asked for"
    if sums[REFUNDED] > sums[CAPTURED]:
        return "more was given back than was taken"
    return None
