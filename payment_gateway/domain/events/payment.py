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
    """

    payment_id: str
    attempt_id: str
    attempt: int
    provider: str
    provider_reference_number: str
    handle: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAttemptFailedEvent:
    """A provider holds nothing of this payment.

    Attributes:
        proof: How that is known: ``not_sent``, ``refused``, ``absent`` or ``expired``.
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
class OperatorNeededEvent:
    """The provider reported what the gateway must not settle by itself; a person has to look.

    Attributes:
        captured_minor: The money the provider says it took, in ``currency``.
    """

    payment_id: str
    reason: str
    provider_reference: str
    captured_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LateFactRecordedEvent:
    """The provider reported what no longer fits: it is kept for people to see, not applied.

    Attributes:
        fact: What was reported: ``checkout``, ``completed``, ``pending``, ``failed``, ``expired``,
            ``cancelled``, ``refund_completed`` or ``refund_failed``.
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
    | OperatorNeededEvent
    | LateFactRecordedEvent
)
