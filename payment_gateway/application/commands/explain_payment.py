"""Tell a payment's story: what happened, who caused it, and why, a line an event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from payment_gateway.application.commands.explain_refunds import explain_money_back
from payment_gateway.application.ports import RecordedEvent
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
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO

_PROOFS: Final = {
    "not_sent": "the request never reached it",
    "refused": "it refused",
    "absent": "it has never heard of it",
    "expired": "its page lapsed, and nobody was given it",
    "not_asked": "the payment cannot be given to it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One event in words.

    Attributes:
        event: The stored name.
        actor: Who caused it.
        why: The reason or cause, where the event says one.
        correlation_id: The same for all that one request or look caused.
    """

    at: datetime
    revision: int
    event: str
    actor: str
    what: str
    why: str | None
    correlation_id: str


def explain_payment(history: Sequence[RecordedEvent]) -> list[Line]:
    """Return the story of a payment, oldest first."""
    currency = ""
    lines = []
    for recorded in history:
        event = recorded.event
        assert isinstance(event, PaymentEvent), "a payment's stream holds its events"
        if isinstance(event, PaymentInitiatedEvent):
            currency = event.currency
        what, why = _words(event, currency)
        lines.append(
            Line(
                at=recorded.context.at,
                revision=recorded.revision,
                event=recorded.type,
                actor=recorded.context.actor,
                what=what,
                why=why,
                correlation_id=recorded.context.correlation_id,
            )
        )
    return lines


def _words(event: PaymentEvent, currency: str) -> tuple[str, str | None]:
    match event:
        case (
            PaymentInitiatedEvent()
            | ProviderAttemptStartedEvent()
            | ProviderAttemptFailedEvent()
            | CheckoutCreatedEvent()
        ):
            return _of_attempts(event)
        case (
            RefundRequestedEvent()
            | RefundPendingEvent()
            | RefundCompletedEvent()
            | RefundFailedEvent()
            | ProviderRefundRecordedEvent()
            | DisputeOpenedEvent()
            | DisputeClosedEvent()
        ):
            return explain_money_back(event, currency)
        case (
            OutcomeUnknownEvent()
            | OperatorNeededEvent()
            | OperatorAnsweredEvent()
            | ReconciliationDifferenceFoundEvent()
            | LateFactRecordedEvent()
        ):
            return _of_doubts(event, currency)
        case _:
            return _of_outcomes(event)


def _of_attempts(
    event: PaymentInitiatedEvent
    | ProviderAttemptStartedEvent
    | ProviderAttemptFailedEvent
    | CheckoutCreatedEvent,
) -> tuple[str, str | None]:
    match event:
        case PaymentInitiatedEvent():
            amount = PaymentAmountVO(event.amount_minor, event.currency)
            providers = ", else ".join((event.provider, *event.fallback_providers))
            return f"{amount} is to be paid for order {event.order_id} at {providers}", None
        case ProviderAttemptStartedEvent():
            number = event.provider_reference_number
            return f"attempt {event.attempt}: {event.provider} is to be asked, as {number}", None
        case ProviderAttemptFailedEvent():
            proof = _PROOFS.get(event.proof, event.proof)
            return f"{event.provider} holds nothing: {proof}", event.reason
        case CheckoutCreatedEvent():
            until = event.expires_at.isoformat(timespec="seconds")
            return f"{event.provider} made checkout {event.provider_order_id}, until {until}", None
        case _:
            assert_never(event)


def _of_outcomes(
    event: CaptureRequestedEvent
    | CaptureDeclinedEvent
    | PaymentPendingEvent
    | PaymentCompletedEvent
    | PaymentFailedEvent
    | PaymentExpiredEvent
    | PaymentCancelledEvent,
) -> tuple[str, str | None]:
    match event:
        case CaptureRequestedEvent():
            return f"the payer approved; the money of {event.provider_order_id} is asked for", None
        case CaptureDeclinedEvent():
            return "the payer's means was declined; another may be tried", event.reason
        case PaymentPendingEvent():
            return "the provider holds the payment back", event.reason
        case PaymentCompletedEvent():
            amount = PaymentAmountVO(event.captured_minor, event.currency)
            return f"{event.provider} took {amount}, as {event.provider_reference}", None
        case PaymentFailedEvent():
            return "the payment ended without money", event.reason
        case PaymentExpiredEvent():
            return "nobody paid in time, and nobody can any more", None
        case PaymentCancelledEvent():
            return "the payment was called off", event.reason
        case _:
            assert_never(event)


def _of_doubts(
    event: OutcomeUnknownEvent
    | OperatorNeededEvent
    | OperatorAnsweredEvent
    | ReconciliationDifferenceFoundEvent
    | LateFactRecordedEvent,
    currency: str,
) -> tuple[str, str | None]:
    match event:
        case OutcomeUnknownEvent():
            return f"what became of the {event.operation} is not known; it is asked about", (
                event.reason
            )
        case OperatorNeededEvent():
            return f"a person has to settle {_subject(event.refund_id)}", event.reason
        case OperatorAnsweredEvent():
            return f"a person settled {_subject(event.refund_id)}: {event.answer}", event.note
        case ReconciliationDifferenceFoundEvent():
            return (
                f"the books differ in {event.subject}: ours {event.ours}, theirs {event.theirs}",
                None,
            )
        case LateFactRecordedEvent():
            of_what = (
                f" of {PaymentAmountVO(event.amount_minor, currency)}"
                if event.amount_minor is not None
                else ""
            )
            return (
                f"came too late and changed nothing: {event.fact}{of_what}",
                f"the payment was {event.status}",
            )
        case _:
            assert_never(event)


def _subject(refund_id: str | None) -> str:
    return "the payment" if refund_id is None else f"refund {refund_id}"
