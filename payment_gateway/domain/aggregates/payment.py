"""The Payment aggregate: what happens when it is told something.

``decide`` is pure: it reads no clock, no database and no network; time and ids arrive in the command.
An intention that does not fit is refused; a report that does not fit is recorded, never applied
backwards: it already happened.
"""

from __future__ import annotations

from typing import Final, assert_never

from payment_gateway.domain.aggregates.payment_commands import (
    AnswerAsOperator,
    CancelPayment,
    InitiatePayment,
    Intention,
    PaymentCommand,
    RequestCapture,
    RequestRefund,
    StartProviderAttempt,
)
from payment_gateway.domain.aggregates.payment_operator import answer_as_operator
from payment_gateway.domain.aggregates.payment_parts import NOT_SENT
from payment_gateway.domain.aggregates.payment_reports import decide_report
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.errors import (
    ExternalReferenceInUse,
    PaymentCancelled,
    PaymentDeclined,
    PaymentExpired,
    PaymentNotFound,
    PaymentStateConflict,
    RefundExceedsCaptured,
    RefundIdInUse,
)
from payment_gateway.domain.events.payment import (
    CaptureRequestedEvent,
    PaymentCancelledEvent,
    PaymentEvent,
    PaymentInitiatedEvent,
    PaymentItem,
    ProviderAttemptStartedEvent,
    RefundRequestedEvent,
)
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO

REFUNDS_MAX: Final = 1000  # refunds of one payment


def decide(command: PaymentCommand, payment: Payment | None) -> list[PaymentEvent]:
    """Return what a command causes.

    An empty list means that it was carried out before: the caller sent it twice.

    Raises:
        ExternalReferenceInUse: ``InitiatePayment`` with a number that names another payment.
        PaymentNotFound: Any other command on a payment of which nothing is recorded.
        PaymentStateConflict: The payment is not in a state that allows this command.
        RefundExceedsCaptured: ``RequestRefund`` for more than is left.
        RefundIdInUse: ``RequestRefund`` with an id that names another refund.
    """
    if isinstance(command, InitiatePayment):
        return _initiate(command, payment)
    if payment is None:
        raise PaymentNotFound(command.payment_id.value)
    if isinstance(command, Intention):
        return _decide_intention(command, payment)
    return decide_report(command, payment)


def refuse_by_status(command: str, payment: Payment) -> PaymentStateConflict:
    """Return the refusal that says best why this payment is past the command."""
    match payment.status:
        case PaymentStatusVO.FAILED:
            return PaymentDeclined(command=command, status=payment.status)
        case PaymentStatusVO.CANCELLED:
            return PaymentCancelled(command=command, status=payment.status)
        case PaymentStatusVO.EXPIRED:
            return PaymentExpired(command=command, status=payment.status)
        case _:
            return PaymentStateConflict(command=command, status=payment.status)


def _decide_intention(command: Intention, payment: Payment) -> list[PaymentEvent]:
    match command:
        case InitiatePayment():
            return _initiate(command, payment)
        case StartProviderAttempt():
            return _start_attempt(command, payment)
        case RequestCapture():
            return _request_capture(command, payment)
        case CancelPayment():
            return _cancel(command, payment)
        case RequestRefund():
            return _request_refund(command, payment)
        case AnswerAsOperator():
            return answer_as_operator(command, payment)
        case _:
            assert_never(command)


def _initiate(command: InitiatePayment, payment: Payment | None) -> list[PaymentEvent]:
    if payment is not None:
        same_caller = payment.tenant_id == command.tenant_id.value
        if same_caller and payment.fingerprint == command.fingerprint:
            return []
        raise ExternalReferenceInUse
    items = tuple(
        PaymentItem(
            quantity=line.quantity,
            description=line.description,
            price_minor=line.price.amount_minor,
            url_product=line.url_product,
        )
        for line in command.details.lines
    )
    return [
        PaymentInitiatedEvent(
            payment_id=command.payment_id.value,
            tenant_id=command.tenant_id.value,
            external_reference=command.external_reference.value,
            order_id=command.order_id,
            amount_minor=command.details.amount.amount_minor,
            currency=command.details.amount.currency,
            provider=command.provider.value,
            fallback_providers=tuple(p.value for p in command.fallback_providers),
            items=items,
            allow_pending=command.allow_pending,
            return_url=command.return_url,
            cancel_url=command.cancel_url,
            subject_id=command.subject_id,
            personal=command.personal,
            fingerprint=command.fingerprint,
        )
    ]


def _start_attempt(command: StartProviderAttempt, payment: Payment) -> list[PaymentEvent]:
    if command.attempt_id in payment.attempt_ids:
        return []
    if not payment.is_idle or command.provider.value not in payment.providers_left:
        raise PaymentStateConflict(command="start another attempt of", status=payment.status)
    number = payment.attempts + 1
    reference = ExternalReferenceNumberVO(payment.external_reference)
    return [
        ProviderAttemptStartedEvent(
            payment_id=payment.payment_id.value,
            attempt_id=command.attempt_id,
            attempt=number,
            provider=command.provider.value,
            provider_reference_number=reference.for_attempt(number),
            handle=command.handle,
            credential_version=command.credential_version,
        )
    ]


def _request_capture(command: RequestCapture, payment: Payment) -> list[PaymentEvent]:
    if payment.capture_id == command.capture_id:
        return []
    if payment.status is not PaymentStatusVO.AWAITING_PAYER or payment.checkout is None:
        raise refuse_by_status("capture", payment)
    return [
        CaptureRequestedEvent(
            payment_id=payment.payment_id.value,
            capture_id=command.capture_id,
            provider_order_id=payment.checkout.provider_order_id,
        )
    ]


def _cancel(command: CancelPayment, payment: Payment) -> list[PaymentEvent]:
    if payment.status is PaymentStatusVO.CANCELLED:
        return []
    if not payment.is_idle and payment.status is not PaymentStatusVO.AWAITING_PAYER:
        raise PaymentStateConflict(command="cancel", status=payment.status)
    return [PaymentCancelledEvent(payment_id=payment.payment_id.value, reason=command.reason)]


def _request_refund(command: RequestRefund, payment: Payment) -> list[PaymentEvent]:
    known = payment.refunds.get(command.refund_id)
    if known is not None:
        if command.amount not in {None, known.amount}:
            raise RefundIdInUse(command.refund_id)
        if known.failure != NOT_SENT:
            return []
    if not payment.status.holds_money and payment.status is not PaymentStatusVO.REFUNDED:
        raise PaymentStateConflict(command="refund", status=payment.status)
    left = payment.refundable
    amount = command.amount or left
    too_many = len(payment.refunds) >= REFUNDS_MAX
    if too_many or amount.amount_minor == 0 or amount.amount_minor > left.amount_minor:
        raise RefundExceedsCaptured(requested=str(amount), refundable=str(left))
    return [
        RefundRequestedEvent(
            payment_id=payment.payment_id.value,
            refund_id=command.refund_id,
            amount_minor=amount.amount_minor,
            currency=amount.currency,
            reason=command.reason,
        )
    ]
