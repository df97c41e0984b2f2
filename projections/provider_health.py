"""Read model: how a tenant's providers fared in the last hour, minute by minute, as the log tells.

What counts is what a provider was asked to do for a payment: to make a checkout, to take the money, to give
some back. It counts in the minute of its outcome, once: as a success where the provider answered, whether
with a yes or a no; as a failure where it was not reached; as unknown where its answer was lost. What is
found out about it later changes nothing. Its latency is the time between the two events, in milliseconds.

Beside it stand the payments themselves: how many were initiated in a minute and how many ended, and how, and
the money that was taken and given back in it, by currency (see ``provider_payments``).

A tenant has one document for each of ``SLOTS`` minutes, taken anew by the next minute that falls on it, so
that no more is ever kept. The part ``payments`` has what each payment's provider was asked and has not
answered yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, get_args

from pymongo import ASCENDING, IndexModel

from payment_gateway.domain.events.payment import (
    CaptureDeclinedEvent,
    CaptureRequestedEvent,
    CheckoutCreatedEvent,
    OutcomeUnknownEvent,
    PaymentCancelledEvent,
    PaymentCompletedEvent,
    PaymentExpiredEvent,
    PaymentFailedEvent,
    PaymentInitiatedEvent,
    PaymentPendingEvent,
    ProviderAttemptFailedEvent,
    ProviderAttemptStartedEvent,
    ProviderRefundRecordedEvent,
    RefundCompletedEvent,
    RefundFailedEvent,
    RefundPendingEvent,
    RefundRequestedEvent,
)
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.event_types import stored_names
from payment_gateway.infrastructure.persistence.mongodb import Document
from projections.payment_details import CATEGORIES
from projections.provider_payments import AMOUNTS, NO_PAYMENTS, PAYMENTS_OF, Counts, counts_of
from projections.read_model import LATER_GATHERED_FOR_S, Changes, Found, Key, ReadModel

NAME: Final = "provider_health"
PAYMENTS: Final = "payments"

MINUTES: Final = 60
# A few more than are shown, so that a minute is not taken anew while it still is.
SLOTS: Final = 64
# Upper ends of the classes that latencies are counted in; the last has no end.
LATENCY_CLASSES_MS: Final = (50, 100, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 10_000)
LONGER: Final = "longer"
SUCCESSES: Final = "successes"
FAILURES: Final = "failures"
UNKNOWNS: Final = "unknowns"
# The provider was not reached, as the proof of an attempt and the reason of a refund say it.
NOT_REACHED: Final = "not_sent"
NOT_ASKED: Final = "not_asked"

CallEvent = (
    ProviderAttemptStartedEvent
    | ProviderAttemptFailedEvent
    | CheckoutCreatedEvent
    | CaptureRequestedEvent
    | CaptureDeclinedEvent
    | PaymentPendingEvent
    | PaymentCompletedEvent
    | PaymentFailedEvent
    | RefundRequestedEvent
    | RefundPendingEvent
    | RefundCompletedEvent
    | RefundFailedEvent
    | OutcomeUnknownEvent
)
HealthEvent = (
    CallEvent
    | PaymentInitiatedEvent
    | PaymentCancelledEvent
    | PaymentExpiredEvent
    | ProviderRefundRecordedEvent
)
_CHECKOUT: Final = "checkout"
_CAPTURE: Final = "capture"

INDEXES: Final = (IndexModel([("tenantId", ASCENDING), ("minute", ASCENDING)], name="minute"),)


def keys(recorded: RecordedEvent) -> Sequence[Key]:
    """Return the document of the event's minute, and what is known of its payment."""
    event, context = recorded.event, recorded.context
    assert isinstance(event, HealthEvent), "no other events come here"
    slot = minute_of(context.at) % SLOTS
    return (
        Key(f"{context.tenant_id}|{slot}", shared=True),
        Key(event.payment_id, PAYMENTS),
    )


def project(found: Found, recorded: RecordedEvent) -> Changes:
    """Return what is known of the event's payment, and the minute in which something came of it."""
    event, context = recorded.event, recorded.context
    assert isinstance(event, HealthEvent), "no other events come here"
    slot, payment = found
    none: Document = {
        "tenantId": context.tenant_id,
        "providerType": None,
        "currency": None,
        "asked": [],
    }
    before, at_ms = found[payment] or none, _milliseconds(context.at)
    known = {**before, **_told(event)}
    known["asked"], call = _asked(before, event, at_ms)
    counts = counts_of(event, known["currency"])
    changes: dict[Key, Document] = {payment: known}
    if call is not None or counts:
        minute = _minute(found[slot], context.tenant_id, minute_of(context.at))
        if minute is not None:
            changes[slot] = _counted(minute, known["providerType"], call, counts)
    return changes


def _told(event: HealthEvent) -> Document:
    """Return what an event tells of its payment, for those that come after it."""
    match event:
        case PaymentInitiatedEvent():
            return {"providerType": event.provider, "currency": event.currency}
        case ProviderAttemptStartedEvent():
            return {"providerType": event.provider}
        case _:
            return {}


def _asked(
    known: Document, event: HealthEvent, at_ms: int
) -> tuple[list[Document], tuple[str, int] | None]:
    """Return what the provider has yet to answer, and how a thing that it was asked ended, and after what.

    The time is in milliseconds.
    """
    if not isinstance(event, CallEvent):
        return known["asked"], None
    begun = _begun(event)
    if begun is not None:
        return [*_others(known, begun), {"what": begun, "sinceMs": at_ms}], None
    ended, outcome = _ended(event)
    since_ms = next((one["sinceMs"] for one in known["asked"] if one["what"] == ended), None)
    if since_ms is None or outcome is None:
        return _others(known, ended), None
    # Clocks of two machines may differ; nothing is answered before it is asked.
    return _others(known, ended), (outcome, max(0, at_ms - since_ms))


def minute_of(at: datetime) -> int:
    """Return the number of the minute that a moment lies in."""
    return int(at.timestamp() // 60)


def latency_class(took_ms: int) -> str:
    """Return the class that a latency is counted in: its upper end in milliseconds."""
    return str(next((end for end in LATENCY_CLASSES_MS if took_ms <= end), LONGER))


def _begun(event: CallEvent) -> str | None:
    """Return what the provider is being asked from this event on."""
    match event:
        case ProviderAttemptStartedEvent():
            return _CHECKOUT
        case CaptureRequestedEvent():
            return _CAPTURE
        case RefundRequestedEvent():
            return _refund(event.refund_id)
        case _:
            return None


def _ended(event: CallEvent) -> tuple[str, str | None]:
    """Return what was asked, and how it ended; ``None`` where it was not asked after all."""
    match event:
        case CheckoutCreatedEvent():
            return _CHECKOUT, SUCCESSES
        case ProviderAttemptFailedEvent(proof=proof):
            outcomes = {NOT_REACHED: FAILURES, NOT_ASKED: None}
            return _CHECKOUT, outcomes.get(proof, SUCCESSES)
        case RefundPendingEvent() | RefundCompletedEvent():
            return _refund(event.refund_id), SUCCESSES
        case RefundFailedEvent():
            outcome = FAILURES if event.reason == NOT_REACHED else SUCCESSES
            return _refund(event.refund_id), outcome
        case OutcomeUnknownEvent():
            refund = event.operation == "refund"
            return _refund(event.intent_id) if refund else event.operation, UNKNOWNS
        case _:
            return _CAPTURE, SUCCESSES


def _refund(refund_id: str) -> str:
    return f"refund:{refund_id}"


def _others(known: Document, what: str) -> list[Document]:
    return [one for one in known["asked"] if one["what"] != what]


def _minute(document: Document | None, tenant_id: str, minute: int) -> Document | None:
    """Return the document of a minute, taken anew; ``None`` where a later one has it already."""
    if document is None or document["minute"] < minute:
        return {"tenantId": tenant_id, "minute": minute, "providers": {}}
    return document if document["minute"] == minute else None


def _counted(
    minute: Document, provider: str, call: tuple[str, int] | None, payments: Counts
) -> Document:
    """Return a minute with what a provider answered in it, and what became of payments there."""
    providers = minute["providers"]
    asked: Document = {SUCCESSES: 0, FAILURES: 0, UNKNOWNS: 0, "latencies": {}, "latencySumMs": 0}
    none: Document = {**asked, PAYMENTS_OF: NO_PAYMENTS, AMOUNTS: {}}
    counts = {**none, **providers.get(provider, {})}
    if call is not None:
        outcome, took_ms = call
        counts[outcome] += 1
        if outcome == SUCCESSES:
            fitting = latency_class(took_ms)
            latencies = counts["latencies"]
            counts["latencies"] = {**latencies, fitting: latencies.get(fitting, 0) + 1}
            counts["latencySumMs"] += took_ms
    return {**minute, "providers": {**providers, provider: payments.added_to(counts)}}


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


MODEL: Final = ReadModel(
    name=NAME,
    version=2,
    categories=CATEGORIES,
    events=stored_names(*get_args(HealthEvent)),
    keys=keys,
    project=project,
    indexes={"": INDEXES, PAYMENTS: ()},
    gathers_s=LATER_GATHERED_FOR_S,
)
