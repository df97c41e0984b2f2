"""What can have happened to a payment.

Amounts are counts of minor units. ``capture_id``, ``attempt_id`` and ``refund_id`` name intents:
each is also the idempotency key with which the provider is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentItem:
    """One line of what is being paid for, as stored inside ``PaymentInitiatedEvent``."""

    quantity: int
    description: str
    price_minor: int
    url_product: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentInitiatedEvent:
    """An order service wants to be paid; nothing was sent to any provider yet.

    Attributes:
        personal: What belongs to a person or to the caller alone (customer, custom parameters),
            sealed; ``None`` if there was none.
        subject_id: Whose key seals it; destroying that key erases it.
        fingerprint: Tells whether a repeated request is the same one.
    """

    payment_id: str
    tenant_id: str
    external_reference: str
    order_id: str
    amount_minor: int
    currency: str
    provider: str
    fallback_providers: tuple[str, ...]
    items: tuple[PaymentItem, ...]
    allow_pending: bool
    return_url: str | None
    cancel_url: str | None
    subject_id: str | None
    personal: str | None
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAttemptStartedEvent:
    """A provider is about to be asked for a checkout.

    Attributes:
        handle: What the provider must be asked about if its answer gets lost, where it gives
            such a thing beforehand (Pagadito's transaction token).
        credential_version: Which of the tenant's credentials it is asked with; ``None`` in events
            from before that was kept.
    """

    payment_id: str
    attempt_id: str
    attempt: int
    provider: str
    provider_reference_number: str
    handle: str | None
    credential_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAttemptFailedEvent:
    """A provider holds nothing of this payment.

    Attributes:
        proof: How that is known: ``not_sent``, ``refused``, ``absent``, ``expired``, or ``not_asked``
            where the payment cannot be given to it.
        reason: The provider's own code, or ours.
    """

    payment_id: str
    attempt_id: str
    provider: str
    proof: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutCreatedEvent:
    """The provider has a page where the payer can pay."""

    payment_id: str
    attempt_id: str
    provider: str
    provider_order_id: str
    checkout_url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureRequestedEvent:
    """The payer approved; the provider is about to be told to take the money."""

    payment_id: str
    capture_id: str
    provider_order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureDeclinedEvent:
    """The payer's means of payment was declined; another one may still be tried."""

    payment_id: str
    capture_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPendingEvent:
    """The provider has the payment but holds it back."""

    payment_id: str
    provider_reference: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCompletedEvent:
    """The money was taken."""

    payment_id: str
    provider: str
    provider_reference: str
    captured_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailedEvent:
    """The payment ended without money: it was declined for good, or no provider would take it."""

    payment_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentExpiredEvent:
    """The payer did not pay in time, and the provider says that it can no longer happen."""

    payment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCancelledEvent:
    """The payer or the order service called it off before any money was taken."""

    payment_id: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeUnknownEvent:
    """A request may have reached the provider and got no clear answer; it is being asked about.

    Attributes:
        operation: ``checkout``, ``capture`` or ``refund``.
        intent_id: The attempt, capture or refund in doubt.
    """

    payment_id: str
    operation: str
    intent_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequestedEvent:
    """Part of the money is to be given back; the amount is reserved from now on."""

    payment_id: str
    refund_id: str
    amount_minor: int
    currency: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPendingEvent:
    """The provider has taken the refund on but has not carried it out yet."""

    payment_id: str
    refund_id: str
    provider_reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundCompletedEvent:
    """The money was given back."""

    payment_id: str
    refund_id: str
    provider_reference: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFailedEvent:
    """The provider did not give the money back; the reserved amount is free again."""

    payment_id: str
    refund_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRefundRecordedEvent:
    """Money was given back at the provider without us, in its own panel for example."""

    payment_id: str
    refund_id: str
    provider_reference: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeOpenedEvent:
    """The payer asks the provider for the money back; it may be held until that is decided.

    Attributes:
        amount_minor: How much is disputed, in the payment's currency; ``None`` if not said.
    """

    payment_id: str
    dispute_id: str
    amount_minor: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeClosedEvent:
    """The provider decided a dispute; ``outcome`` is its own word for how."""

    payment_id: str
    dispute_id: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorNeededEvent:
    """The gateway must not settle this by itself; a person has to look.

    Attributes:
        question: What is to be settled: ``payment``, or ``refund`` with its id.
        refund_id: Which refund, for that question.
        captured_minor: The money the provider says it took, in ``currency``, if it says any.
    """

    payment_id: str
    question: str
    refund_id: str | None
    reason: str
    provider_reference: str | None
    captured_minor: int | None
    currency: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAnsweredEvent:
    """A person looked and said what is so; what follows from it is the next event.

    Attributes:
        question: As in ``OperatorNeededEvent``.
        answer: ``completed``, ``failed``, ``refund_completed`` or ``refund_failed``.
        note: Why, in the person's own words.
    """

    payment_id: str
    question: str
    refund_id: str | None
    answer: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationDifferenceFoundEvent:
    """The provider's books and ours do not say the same; nothing is changed by noting it.

    Attributes:
        subject: What was compared: ``status``, ``captured``, ``refunded``, or ``attempt``: money at a
            provider whose attempt had been left behind.
        ours: What we hold to be so.
        theirs: What the provider says.
    """

    payment_id: str
    subject: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LateFactRecordedEvent:
    """The provider reported what no longer fits: it is kept for people to see, not applied.

    Attributes:
        fact: What was reported: ``checkout``, ``completed``, ``pending``, ``failed``, ``expired``,
            ``cancelled``, ``refund_completed``, ``refund_failed`` or ``dispute_opened``.
        status: Where the payment stood.
        amount_minor: How much money the report speaks of; ``None`` if it speaks of none.
    """

    payment_id: str
    fact: str
    status: str
    provider_reference: str | None
    amount_minor: int | None


PaymentEvent = (
    PaymentInitiatedEvent
    | ProviderAttemptStartedEvent
    | ProviderAttemptFailedEvent
    | CheckoutCreatedEvent
    | CaptureRequestedEvent
    | CaptureDeclinedEvent
    | PaymentPendingEvent
    | PaymentCompletedEvent
    | PaymentFailedEvent
    | PaymentExpiredEvent
    | PaymentCancelledEvent
    | OutcomeUnknownEvent
    | RefundRequestedEvent
    | RefundPendingEvent
    | RefundCompletedEvent
    | RefundFailedEvent
    | ProviderRefundRecordedEvent
    | DisputeOpenedEvent
    | DisputeClosedEvent
    | OperatorNeededEvent
    | OperatorAnsweredEvent
    | ReconciliationDifferenceFoundEvent
    | LateFactRecordedEvent
)
