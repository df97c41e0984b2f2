"""What a payment can be told.

The first group comes from those who want something, the second reports what a provider said. Times
and ids arrive inside; ids of intents are the idempotency keys that providers are called with.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_details import PaymentDetailsVO
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO

# What may have reached a provider without a clear answer.
Operation = Literal["checkout", "capture", "refund"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InitiatePayment:
    """Store the intent to be paid."""

    payment_id: PaymentIdVO
    tenant_id: TenantIdVO
    external_reference: ExternalReferenceNumberVO
    order_id: str
    details: PaymentDetailsVO
    provider: ProviderTypeVO
    fallback_providers: tuple[ProviderTypeVO, ...]
    allow_pending: bool
    return_url: str | None
    cancel_url: str | None
    subject_id: str | None
    personal: str | None
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartProviderAttempt:
    """Store that a provider is about to be asked for a checkout."""

    payment_id: PaymentIdVO
    attempt_id: str
    provider: ProviderTypeVO
    handle: str | None
    credential_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCapture:
    """Store that the provider is about to be told to take the money."""

    payment_id: PaymentIdVO
    capture_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPayment:
    """Call the payment off."""

    payment_id: PaymentIdVO
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefund:
    """Reserve an amount to give back; ``None`` is all that is left."""

    payment_id: PaymentIdVO
    refund_id: str
    amount: PaymentAmountVO | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCheckout:
    """The provider made a checkout."""

    payment_id: PaymentIdVO
    attempt_id: str
    provider_order_id: str
    checkout_url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAttemptFailure:
    """The provider holds nothing of this payment, and how that is known."""

    payment_id: PaymentIdVO
    attempt_id: str
    proof: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCompletion:
    """The provider took the money: ``captured``, or the whole amount where it does not say how much."""

    payment_id: PaymentIdVO
    provider_reference: str
    captured: PaymentAmountVO | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPending:
    """The provider holds the payment back."""

    payment_id: PaymentIdVO
    provider_reference: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCaptureDecline:
    """The payer's means of payment was declined, but another may be tried."""

    payment_id: PaymentIdVO
    capture_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFailure:
    """The provider will never take this money."""

    payment_id: PaymentIdVO
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordExpiry:
    """The provider says that the payer can no longer pay."""

    payment_id: PaymentIdVO


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCancellation:
    """The provider says that the payer called it off."""

    payment_id: PaymentIdVO
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordUnknownOutcome:
    """No clear answer came back for an intent: an attempt, a capture or a refund."""

    payment_id: PaymentIdVO
    operation: Operation
    intent_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRefund:
    """The provider gave the money back."""

    payment_id: PaymentIdVO
    refund_id: str
    provider_reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRefundPending:
    """The provider took the refund on and will carry it out later."""

    payment_id: PaymentIdVO
    refund_id: str
    provider_reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRefundFailure:
    """The provider will not give the money back."""

    payment_id: PaymentIdVO
    refund_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordProviderRefund:
    """The provider gave money back without us."""

    payment_id: PaymentIdVO
    provider_reference: str
    amount: PaymentAmountVO


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDisputeOpened:
    """The payer disputes the payment at the provider."""

    payment_id: PaymentIdVO
    dispute_id: str
    amount: PaymentAmountVO | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDisputeClosed:
    """The provider decided a dispute."""

    payment_id: PaymentIdVO
    dispute_id: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDifference:
    """A reconciliation found that the provider's books say something else."""

    payment_id: PaymentIdVO
    subject: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOperator:
    """Give up asking: a person has to find out; ``refund_id`` where it is about a refund."""

    payment_id: PaymentIdVO
    refund_id: str | None
    reason: str


# What a person may find out about a payment or a refund in doubt.
Answer = Literal["completed", "failed", "refund_completed", "refund_failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerAsOperator:
    """A person found out what is so.

    Attributes:
        provider_reference: The provider's id of what moved the money, for the answers that say
            that some was moved.
        captured: How much was taken, for a payment that was completed; ``None`` for all of it.
    """

    payment_id: PaymentIdVO
    refund_id: str | None
    answer: Answer
    provider_reference: str | None
    note: str
    captured: PaymentAmountVO | None = None


Intention = (
    InitiatePayment
    | StartProviderAttempt
    | RequestCapture
    | CancelPayment
    | RequestRefund
    | AnswerAsOperator
)
Report = (
    RecordCheckout
    | RecordAttemptFailure
    | RecordCompletion
    | RecordPending
    | RecordCaptureDecline
    | RecordFailure
    | RecordExpiry
    | RecordCancellation
    | RecordUnknownOutcome
    | RecordRefund
    | RecordRefundPending
    | RecordRefundFailure
    | RecordProviderRefund
    | RecordDisputeOpened
    | RecordDisputeClosed
    | RecordDifference
    | CallOperator
)
PaymentCommand = Intention | Report
