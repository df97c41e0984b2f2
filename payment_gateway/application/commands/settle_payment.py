"""Ask the provider where a payment stands, and bring ours to the same point.

The return URL, a webhook, the recovery and an operator all come through here; whoever comes second
changes nothing.
"""

from __future__ import annotations

from typing import assert_never

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import (
    Absent,
    Approved,
    AwaitingPayer,
    CancelledByPayer,
    Captured,
    CaptureOutcome,
    CheckoutReference,
    CommandContext,
    Declined,
    Expired,
    Held,
    Provider,
    ProviderOutcomeUnknown,
    ProviderUnavailable,
    Standing,
)
from payment_gateway.application.services.payment_service import ExecutedPayment
from payment_gateway.domain.aggregates.payment_commands import (
    RecordCancellation,
    RecordCaptureDecline,
    RecordCompletion,
    RecordExpiry,
    RecordFailure,
    RecordPending,
    RecordUnknownOutcome,
    Report,
    RequestCapture,
)
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.errors import ProviderUnavailableError
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO

_CAPTURABLE = frozenset(
    {PaymentStatusVO.AWAITING_PAYER, PaymentStatusVO.PROCESSING, PaymentStatusVO.UNKNOWN}
)


async def settle_payment(
    executed: ExecutedPayment, provider: Provider, context: CommandContext, gateway: Gateway
) -> ExecutedPayment:
    """Ask where an open payment with a checkout stands; capture it if the payer has approved.

    Returns:
        The payment as far as it is known now, perhaps unchanged.

    Raises:
        ProviderUnavailableError: The provider gave no clear answer to the question; nothing was
            changed by asking, and asking again is safe.
    """
    payment = executed.state
    try:
        standing = await provider.inquire(checkout_reference(payment))
    except ProviderUnavailable as error:
        raise ProviderUnavailableError(
            payment.provider, retry_after_s=error.retry_after_s
        ) from error
    except ProviderOutcomeUnknown as error:
        raise ProviderUnavailableError(payment.provider) from error
    if isinstance(standing, Approved):
        return await _capture(executed, provider, context, gateway)
    report = report_of(standing, payment)
    if report is None:
        return executed.unchanged
    return await gateway.payments.execute(
        payment.payment_id, report, context=context, after=executed.loaded
    )


def checkout_reference(payment: Payment) -> CheckoutReference:
    """Return what the payment's latest attempt is known by at its provider."""
    return CheckoutReference(
        payment_id=payment.payment_id.value,
        provider_order_id=payment.checkout.provider_order_id if payment.checkout else None,
        handle=payment.attempt.handle if payment.attempt else None,
        amount=payment.amount,
    )


def report_of(standing: Standing, payment: Payment) -> Report | None:
    """Return what a standing tells the payment; ``None`` where it tells nothing new."""
    payment_id = payment.payment_id
    match standing:
        case Captured() | Held() | Declined():
            return _report_of_capture(standing, payment)
        case CancelledByPayer():
            return RecordCancellation(payment_id=payment_id, reason="the payer called it off")
        case Expired() if payment.capture_id is None:
            return RecordExpiry(payment_id=payment_id)
        case Expired():
            # We asked for the money and do not know what came of it. That the order is gone now
            # does not say that it was never captured, so the doubt stays.
            return None
        case AwaitingPayer() | Approved() | Absent():
            return None
        case _:
            assert_never(standing)


async def _capture(
    executed: ExecutedPayment, provider: Provider, context: CommandContext, gateway: Gateway
) -> ExecutedPayment:
    payment_id = executed.state.payment_id

    def request(now: Payment) -> RequestCapture | None:
        if now.status not in _CAPTURABLE or now.checkout is None:
            return None  # another door was quicker
        return RequestCapture(payment_id=payment_id, capture_id=now.next_capture_id)

    requested = await gateway.payments.execute_if(
        payment_id, request, context=context, after=executed.loaded
    )
    payment = requested.state
    if payment.status not in _CAPTURABLE or payment.capture_id is None:
        return requested
    try:
        outcome = await provider.capture(checkout_reference(payment), capture_id=payment.capture_id)
    except ProviderUnavailable as error:
        raise ProviderUnavailableError(
            payment.provider, retry_after_s=error.retry_after_s
        ) from error
    except ProviderOutcomeUnknown as error:
        report: Report = RecordUnknownOutcome(
            payment_id=payment_id,
            operation="capture",
            intent_id=payment.capture_id,
            reason=error.reason,
        )
    else:
        report = _report_of_capture(outcome, payment)
    return await gateway.payments.execute(
        payment_id, report, context=context, after=requested.loaded
    )


def _report_of_capture(outcome: CaptureOutcome, payment: Payment) -> Report:
    payment_id = payment.payment_id
    match outcome:
        case Captured():
            return RecordCompletion(
                payment_id=payment_id,
                provider_reference=outcome.reference,
                captured=outcome.amount,
            )
        case Held():
            return RecordPending(
                payment_id=payment_id,
                provider_reference=outcome.reference,
                reason=outcome.reason,
            )
        case Declined(recoverable=True) if payment.capture_id is not None:
            return RecordCaptureDecline(
                payment_id=payment_id, capture_id=payment.capture_id, reason=outcome.reason
            )
        case Declined():
            return RecordFailure(payment_id=payment_id, reason=outcome.reason)
        case _:
            assert_never(outcome)
