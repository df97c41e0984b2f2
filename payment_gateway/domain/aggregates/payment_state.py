"""What is true of a payment after its events: just enough of the history to take the next decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from payment_gateway.domain.aggregates.payment_parts import (
    FINAL_PROOFS,
    NOTHING_SENT,
    Attempt,
    Checkout,
    Refund,
)
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
    PaymentItem,
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
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO, RefundStatusVO


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """The state of one payment.

    Attributes:
        capture_id: The capture that is under way or in doubt; ``None`` if there is none.
        captures: How many captures were ever requested.
        disputes: Every dispute by its id, and whether it is open.
        questions: What waits for a person: a refund's id, or ``None`` for the payment itself.
        providers_tried: Who was asked for a checkout, in order.
        attempt_ids: The intents to ask them, by which a repeated one is known.
        attempts_left: Attempts that ended without a checkout though something was sent, and that the
            provider can be asked about: what they were proven not to hold may turn up after all.
        providers_out: Whose word on this payment is final, or whom it cannot be given to.
        late_facts: What was recorded but not applied, as (fact, provider reference).
    """

    payment_id: PaymentIdVO
    tenant_id: str
    external_reference: str
    order_id: str
    amount: PaymentAmountVO
    items: tuple[PaymentItem, ...]
    provider: str
    fallback_providers: tuple[str, ...]
    allow_pending: bool
    return_url: str | None
    cancel_url: str | None
    fingerprint: str
    status: PaymentStatusVO = PaymentStatusVO.CREATED
    attempt: Attempt | None = None
    checkout: Checkout | None = None
    capture_id: str | None = None
    captures: int = 0
    provider_reference: str | None = None
    captured: PaymentAmountVO | None = None
    failure: str | None = None
    refunds: Mapping[str, Refund] = field(default_factory=dict)
    disputes: Mapping[str, bool] = field(default_factory=dict)
    questions: frozenset[str | None] = frozenset()
    providers_tried: tuple[str, ...] = ()
    providers_out: frozenset[str] = frozenset()
    attempt_ids: frozenset[str] = frozenset()
    attempts_left: tuple[Attempt, ...] = ()
    differences: frozenset[tuple[str, str, str]] = frozenset()
    late_facts: frozenset[tuple[str, str | None]] = frozenset()

    @property
    def attempts(self) -> int:
        """How many attempts there have been."""
        return self.attempt.number if self.attempt else 0

    @property
    def has_open_attempt(self) -> bool:
        """Whether a provider was asked for a checkout and its answer is not recorded."""
        return self.attempt is not None and self.attempt.is_open

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a provider to be asked: none has a checkout or may have one."""
        return self.status is PaymentStatusVO.CREATED and not self.has_open_attempt

    @property
    def providers(self) -> tuple[str, ...]:
        """Its providers in the order in which they are asked: its own, then the fallbacks."""
        own = self.providers_tried[0] if self.providers_tried else self.provider
        return tuple(dict.fromkeys((own, *self.fallback_providers)))

    @property
    def providers_left(self) -> tuple[str, ...]:
        """Those of them that may still be asked."""
        return tuple(one for one in self.providers if one not in self.providers_out)

    @property
    def providers_next(self) -> tuple[str, ...]:
        """Those that may be asked and come after the one that was asked last."""
        after = self.providers[self.providers.index(self.provider) + 1 :]
        return tuple(one for one in after if one not in self.providers_out)

    @property
    def next_attempt_id(self) -> str:
        """The id of the attempt after the last one."""
        return self.payment_id.derive(f"attempt:{self.attempts + 1}")

    @property
    def next_capture_id(self) -> str:
        """The id of the capture under way, or of the next one where none is."""
        return self.capture_id or self.payment_id.derive(f"capture:{self.captures + 1}")

    @property
    def refunded(self) -> PaymentAmountVO:
        """What was given back."""
        return self._sum_of_refunds(RefundStatusVO.COMPLETED)

    @property
    def refundable(self) -> PaymentAmountVO:
        """What can still be asked back: taken, and neither given back nor reserved."""
        captured = self.captured or PaymentAmountVO(0, self.amount.currency)
        reserved = self._sum_of_refunds(
            RefundStatusVO.REQUESTED,
            RefundStatusVO.PENDING,
            RefundStatusVO.UNKNOWN,
            RefundStatusVO.COMPLETED,
        )
        return captured - reserved

    def _sum_of_refunds(self, *statuses: RefundStatusVO) -> PaymentAmountVO:
        amounts = (r.amount.amount_minor for r in self.refunds.values() if r.status in statuses)
        return PaymentAmountVO(sum(amounts), self.amount.currency)


def fold(events: Iterable[PaymentEvent]) -> Payment | None:
    """Replay a history, oldest first; ``None`` for an empty one."""
    payment: Payment | None = None
    for event in events:
        payment = evolve(payment, event)
    return payment


def evolve(payment: Payment | None, event: PaymentEvent) -> Payment:
    """Return the payment after an event. Refuses nothing: what is recorded has happened."""
    if isinstance(event, PaymentInitiatedEvent):
        return _initiated(event)
    assert payment is not None, f"{type(event).__name__} before PaymentInitiatedEvent"
    match event:
        case (
            RefundRequestedEvent()
            | RefundPendingEvent()
            | RefundCompletedEvent()
            | RefundFailedEvent()
            | ProviderRefundRecordedEvent()
        ):
            return _refunded(payment, event)
        case DisputeOpenedEvent() | DisputeClosedEvent():
            is_open = isinstance(event, DisputeOpenedEvent)
            disputes = {**payment.disputes, event.dispute_id: is_open}
            return _with_money_status(replace(payment, disputes=disputes))
        case OperatorNeededEvent() | OperatorAnsweredEvent():
            return _asked(payment, event)
        case ReconciliationDifferenceFoundEvent():
            difference = (event.subject, event.ours, event.theirs)
            return replace(payment, differences=payment.differences | {difference})
        case OutcomeUnknownEvent():
            return _in_doubt(payment, event)
        case ProviderAttemptStartedEvent() | ProviderAttemptFailedEvent() | CheckoutCreatedEvent():
            return _attempted(payment, event)
        case CaptureRequestedEvent() | CaptureDeclinedEvent():
            return _captured(payment, event)
        case LateFactRecordedEvent():
            fact = (event.fact, event.provider_reference)
            return replace(payment, late_facts=payment.late_facts | {fact})
        case _:
            return _settled(payment, event)


def _initiated(event: PaymentInitiatedEvent) -> Payment:
    return Payment(
        payment_id=PaymentIdVO(event.payment_id),
        tenant_id=event.tenant_id,
        external_reference=event.external_reference,
        order_id=event.order_id,
        amount=PaymentAmountVO(event.amount_minor, event.currency),
        items=event.items,
        provider=event.provider,
        fallback_providers=event.fallback_providers,
        allow_pending=event.allow_pending,
        return_url=event.return_url,
        cancel_url=event.cancel_url,
        fingerprint=event.fingerprint,
    )


def _attempted(
    payment: Payment,
    event: ProviderAttemptStartedEvent | ProviderAttemptFailedEvent | CheckoutCreatedEvent,
) -> Payment:
    match event:
        case ProviderAttemptStartedEvent():
            attempt = Attempt(
                attempt_id=event.attempt_id,
                number=event.attempt,
                provider=event.provider,
                reference_number=event.provider_reference_number,
                handle=event.handle,
                is_open=True,
                credential_version=event.credential_version,
            )
            tried = (*payment.providers_tried, event.provider)
            return replace(
                payment,
                attempt=attempt,
                provider=event.provider,
                providers_tried=tried,
                attempt_ids=payment.attempt_ids | {event.attempt_id},
            )
        case ProviderAttemptFailedEvent():
            final = event.proof in FINAL_PROOFS
            out = payment.providers_out | ({event.provider} if final else frozenset())
            return replace(
                payment,
                attempt=_closed(payment.attempt),
                attempts_left=payment.attempts_left + _left(payment.attempt, event.proof),
                status=PaymentStatusVO.CREATED,
                providers_out=out,
            )
        case CheckoutCreatedEvent():
            checkout = Checkout(
                provider_order_id=event.provider_order_id,
                url=event.checkout_url,
                expires_at=event.expires_at,
            )
            return replace(
                payment,
                attempt=_closed(payment.attempt),
                checkout=checkout,
                status=PaymentStatusVO.AWAITING_PAYER,
            )
        case _:
            assert_never(event)


def _captured(payment: Payment, event: CaptureRequestedEvent | CaptureDeclinedEvent) -> Payment:
    match event:
        case CaptureRequestedEvent():
            return replace(
                payment,
                status=PaymentStatusVO.PROCESSING,
                capture_id=event.capture_id,
                captures=payment.captures + 1,
            )
        case CaptureDeclinedEvent():
            return replace(payment, status=PaymentStatusVO.AWAITING_PAYER, capture_id=None)
        case _:
            assert_never(event)


def _settled(
    payment: Payment,
    event: PaymentPendingEvent
    | PaymentCompletedEvent
    | PaymentFailedEvent
    | PaymentExpiredEvent
    | PaymentCancelledEvent,
) -> Payment:
    # Whatever the provider said of the payment is the outcome of the attempt, too.
    payment = replace(payment, attempt=_closed(payment.attempt))
    match event:
        case PaymentPendingEvent():
            reference = event.provider_reference or payment.provider_reference
            return replace(payment, status=PaymentStatusVO.PENDING, provider_reference=reference)
        case PaymentCompletedEvent():
            return replace(
                payment,
                status=PaymentStatusVO.COMPLETED,
                provider_reference=event.provider_reference,
                captured=PaymentAmountVO(event.captured_minor, event.currency),
            )
        case PaymentFailedEvent():
            return replace(payment, status=PaymentStatusVO.FAILED, failure=event.reason)
        case PaymentExpiredEvent():
            return replace(payment, status=PaymentStatusVO.EXPIRED)
        case PaymentCancelledEvent():
            return replace(payment, status=PaymentStatusVO.CANCELLED)
        case _:
            assert_never(event)


def _asked(payment: Payment, event: OperatorNeededEvent | OperatorAnsweredEvent) -> Payment:
    if isinstance(event, OperatorAnsweredEvent):
        return replace(payment, questions=payment.questions - {event.refund_id})
    asked = replace(payment, questions=payment.questions | {event.refund_id})
    if event.question == "refund":
        return asked
    return replace(
        asked,
        attempt=_closed(payment.attempt),
        status=PaymentStatusVO.NEEDS_OPERATOR,
        provider_reference=event.provider_reference or payment.provider_reference,
        failure=event.reason,
    )


def _in_doubt(payment: Payment, event: OutcomeUnknownEvent) -> Payment:
    if event.operation == "refund":
        refund = replace(payment.refunds[event.intent_id], status=RefundStatusVO.UNKNOWN)
        return replace(payment, refunds={**payment.refunds, refund.refund_id: refund})
    return replace(payment, status=PaymentStatusVO.UNKNOWN)


def _refunded(
    payment: Payment,
    event: RefundRequestedEvent
    | RefundPendingEvent
    | RefundCompletedEvent
    | RefundFailedEvent
    | ProviderRefundRecordedEvent,
) -> Payment:
    match event:
        case ProviderRefundRecordedEvent():
            refund = Refund(
                refund_id=event.refund_id,
                amount=PaymentAmountVO(event.amount_minor, event.currency),
                status=RefundStatusVO.COMPLETED,
                reason=None,
                provider_reference=event.provider_reference,
            )
        case RefundRequestedEvent():
            refund = Refund(
                refund_id=event.refund_id,
                amount=PaymentAmountVO(event.amount_minor, event.currency),
                status=RefundStatusVO.REQUESTED,
                reason=event.reason,
            )
        case RefundPendingEvent():
            refund = replace(
                payment.refunds[event.refund_id],
                status=RefundStatusVO.PENDING,
                provider_reference=event.provider_reference,
            )
        case RefundCompletedEvent():
            refund = replace(
                payment.refunds[event.refund_id],
                status=RefundStatusVO.COMPLETED,
                provider_reference=event.provider_reference,
            )
        case RefundFailedEvent():
            refund = replace(
                payment.refunds[event.refund_id],
                status=RefundStatusVO.FAILED,
                failure=event.reason,
            )
        case _:
            assert_never(event)
    return _with_money_status(
        replace(payment, refunds={**payment.refunds, refund.refund_id: refund})
    )


def _with_money_status(payment: Payment) -> Payment:
    """Return the payment with the status that its refunds and disputes give it."""
    if any(payment.disputes.values()):
        return replace(payment, status=PaymentStatusVO.DISPUTED)
    if payment.refunded.amount_minor == 0:
        return replace(payment, status=PaymentStatusVO.COMPLETED)
    whole = payment.refunded == payment.captured
    status = PaymentStatusVO.REFUNDED if whole else PaymentStatusVO.PARTIALLY_REFUNDED
    return replace(payment, status=status)


def _left(attempt: Attempt | None, proof: str) -> tuple[Attempt, ...]:
    if attempt is None or attempt.handle is None or proof in NOTHING_SENT:
        return ()
    return (replace(attempt, is_open=False),)


def _closed(attempt: Attempt | None) -> Attempt | None:
    return replace(attempt, is_open=False) if attempt else None
