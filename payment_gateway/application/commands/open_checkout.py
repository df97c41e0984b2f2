"""Have a provider make the page where the payer pays: one attempt, stored before it is made."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import (
    CheckoutOpened,
    CheckoutRefused,
    CheckoutRequest,
    CommandContext,
    Provider,
    ProviderOutcomeUnknown,
    ProviderUnavailable,
)
from payment_gateway.application.services.payment_service import ExecutedPayment
from payment_gateway.domain.aggregates.payment_commands import (
    RecordAttemptFailure,
    RecordCheckout,
    RecordFailure,
    RecordUnknownOutcome,
    StartProviderAttempt,
)
from payment_gateway.domain.aggregates.payment_state import NOT_SENT, Payment
from payment_gateway.domain.errors import PaymentFailedError, ProviderUnavailableError
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_details import PaymentDetailVO
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO

ATTEMPTS_MAX: Final = 5  # attempts of one payment


async def open_checkout(
    executed: ExecutedPayment, provider: Provider, context: CommandContext, gateway: Gateway
) -> ExecutedPayment:
    """Ask the provider for a checkout, unless there is one or somebody else is asking.

    Args:
        executed: The payment as just stored or read. Where its last events start an attempt, that
            attempt is this caller's to make.
        provider: Speaks for the tenant's account.
        context: Who asks.
        gateway: The services.

    Raises:
        ProviderUnavailableError: Not reached; asking again later is safe.
        PaymentFailedError: The provider refused, or has refused before; the payment has ended.
    """
    payment = executed.state
    if payment.status is PaymentStatusVO.FAILED:
        raise _failed(payment)
    if not executed.events or not payment.has_open_attempt:
        started = await _start(executed, provider, context, gateway)
        if not started.events:
            return started
        executed = started
    return await ask_for_checkout(executed, provider, context, gateway)


async def ask_for_checkout(
    executed: ExecutedPayment, provider: Provider, context: CommandContext, gateway: Gateway
) -> ExecutedPayment:
    """Make the open attempt at its provider and record what came of it.

    Asking again for the same attempt is for providers that know an attempt by its id.
    """
    payment = executed.state
    attempt = payment.attempt
    assert attempt is not None, "an attempt was started"
    payment_id = payment.payment_id
    try:
        outcome = await provider.create_checkout(checkout_request(payment, gateway))
    except ProviderUnavailable as error:
        await _close_unsent(executed, error.reason, context, gateway)
        raise ProviderUnavailableError(
            payment.provider, retry_after_s=error.retry_after_s
        ) from error
    except ProviderOutcomeUnknown as error:
        doubt = RecordUnknownOutcome(
            payment_id=payment_id,
            operation="checkout",
            intent_id=attempt.attempt_id,
            reason=error.reason,
        )
        return await gateway.payments.execute(
            payment_id, doubt, context=context, after=executed.loaded
        )
    match outcome:
        case CheckoutOpened():
            report = RecordCheckout(
                payment_id=payment_id,
                attempt_id=attempt.attempt_id,
                provider_order_id=outcome.provider_order_id,
                checkout_url=outcome.checkout_url,
                expires_at=outcome.expires_at,
            )
            return await gateway.payments.execute(
                payment_id, report, context=context, after=executed.loaded
            )
        case CheckoutRefused():
            refused = await gateway.payments.execute(
                payment_id,
                RecordAttemptFailure(
                    payment_id=payment_id,
                    attempt_id=attempt.attempt_id,
                    proof="refused",
                    reason=outcome.reason,
                ),
                RecordFailure(payment_id=payment_id, reason=outcome.reason),
                context=context,
                after=executed.loaded,
            )
            raise _failed(refused.state)


async def _close_unsent(
    executed: ExecutedPayment, reason: str, context: CommandContext, gateway: Gateway
) -> None:
    """End an attempt that never left; not one that has been in doubt before."""
    attempt = executed.state.attempt
    assert attempt is not None, "an attempt was started"

    def close(now: Payment) -> RecordAttemptFailure | None:
        if now.status is not PaymentStatusVO.CREATED:
            return None
        return RecordAttemptFailure(
            payment_id=now.payment_id,
            attempt_id=attempt.attempt_id,
            proof=NOT_SENT,
            reason=reason,
        )

    await gateway.payments.execute_if(
        executed.state.payment_id, close, context=context, after=executed.loaded
    )


def start_attempt(payment: Payment, *, handle: str | None) -> StartProviderAttempt:
    """Return the command that starts a payment's next attempt."""
    return StartProviderAttempt(
        payment_id=payment.payment_id,
        attempt_id=payment.next_attempt_id,
        provider=ProviderTypeVO(payment.provider),
        handle=handle,
    )


def checkout_request(payment: Payment | None, gateway: Gateway) -> CheckoutRequest:
    """Return what a provider is asked for in the payment's latest attempt."""
    assert payment is not None, "there is a payment"
    assert payment.attempt is not None, "there is an attempt"
    provider = payment.provider.lower()
    query = urlencode({"payment_id": payment.payment_id.value})
    return CheckoutRequest(
        payment_id=payment.payment_id.value,
        attempt_id=payment.attempt.attempt_id,
        reference_number=payment.attempt.reference_number,
        handle=payment.attempt.handle,
        amount=payment.amount,
        lines=tuple(
            PaymentDetailVO(
                quantity=item.quantity,
                description=item.description,
                price=PaymentAmountVO(item.price_minor, payment.amount.currency),
                url_product=item.url_product,
            )
            for item in payment.items
        ),
        allow_pending=payment.allow_pending,
        return_url=f"{gateway.public_url}/checkout/return/{provider}?{query}",
        cancel_url=f"{gateway.public_url}/checkout/cancel/{provider}?{query}",
    )


async def _start(
    executed: ExecutedPayment, provider: Provider, context: CommandContext, gateway: Gateway
) -> ExecutedPayment:
    payment = executed.state
    idle = payment.status is PaymentStatusVO.CREATED and not payment.has_open_attempt
    if not idle or payment.attempts >= ATTEMPTS_MAX:
        return executed.unchanged
    try:
        handle = await provider.prepare(payment.amount.currency)
    except ProviderUnavailable as error:
        raise ProviderUnavailableError(
            payment.provider, retry_after_s=error.retry_after_s
        ) from error
    except ProviderOutcomeUnknown as error:  # preparing changes nothing at the provider
        raise ProviderUnavailableError(payment.provider) from error
    attempt_id = payment.next_attempt_id

    def start(now: Payment) -> StartProviderAttempt | None:
        still_idle = now.status is PaymentStatusVO.CREATED and not now.has_open_attempt
        if not still_idle or now.next_attempt_id != attempt_id:
            return None  # another request started it, and asks the provider
        return start_attempt(now, handle=handle)

    return await gateway.payments.execute_if(
        payment.payment_id, start, context=context, after=executed.loaded
    )


def _failed(payment: Payment) -> PaymentFailedError:
    return PaymentFailedError(
        payment_id=payment.payment_id.value, reason=payment.failure or "unknown"
    )
