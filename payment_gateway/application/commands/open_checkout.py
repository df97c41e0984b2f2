"""Have a provider make the page where the payer pays; where one has proven to hold nothing, the next."""

from __future__ import annotations

from payment_gateway.application.commands.checkout_attempt import (
    attempt_failure,
    checkout_request,
)
from payment_gateway.application.commands.next_attempt import ATTEMPTS_MAX, Attempt, next_attempt
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import (
    CheckoutOpened,
    CheckoutRefused,
    CommandContext,
    Provider,
    ProviderOutcomeUnknown,
    ProviderUnavailable,
)
from payment_gateway.application.services.payment_service import ExecutedPayment
from payment_gateway.domain.aggregates.payment_commands import (
    RecordAttemptFailure,
    RecordCheckout,
    RecordUnknownOutcome,
)
from payment_gateway.domain.aggregates.payment_parts import NOT_SENT, REFUSED
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.errors import PaymentFailedError, ProviderUnavailableError
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO


async def open_checkout(
    executed: ExecutedPayment, provider: Provider, context: CommandContext, gateway: Gateway
) -> ExecutedPayment:
    """Ask for a checkout, unless there is one or somebody else is asking.

    A provider that was not reached or said no is followed by the payment's next one. If it had all of
    them and none was reached, the same command begins again with the first.

    Args:
        executed: The payment as just stored or read. Where its last events start an attempt, that
            attempt is this caller's to make.
        provider: Speaks for the tenant's account at the payment's provider.
        context: Who asks.
        gateway: The services.

    Raises:
        ProviderUnavailableError: None was reached; asking again later is safe.
        PaymentFailedError: All refused, now or before; the payment has ended.
    """
    payment = executed.state
    attempt = Attempt(executed=executed, provider=None)
    if executed.events and payment.has_open_attempt:
        attempt = Attempt(executed=executed, provider=provider)
    elif payment.is_idle and payment.attempts < ATTEMPTS_MAX:
        attempt = await next_attempt(
            executed, payment.providers_left, context=context, gateway=gateway
        )
    attempt = await ask_in_turn(attempt, context, gateway)
    payment = attempt.executed.state
    if payment.status is PaymentStatusVO.FAILED:
        raise _failed(payment)
    if payment.is_idle:
        raise ProviderUnavailableError(payment.provider, retry_after_s=attempt.retry_after_s)
    return attempt.executed


async def ask_in_turn(attempt: Attempt, context: CommandContext, gateway: Gateway) -> Attempt:
    """Ask the attempt's provider, and each that follows, until one gives no proof that it holds nothing.

    Raises:
        ProviderUnavailableError: Not reached, and in doubt from an earlier time; ask again later.
    """
    for _ in range(ATTEMPTS_MAX):
        if attempt.provider is None:
            break
        attempt = await _ask(attempt.executed, attempt.provider, context, gateway)
    return attempt


async def _ask(
    executed: ExecutedPayment, provider: Provider, context: CommandContext, gateway: Gateway
) -> Attempt:
    """Make the open attempt at its provider, record what came of it, and say who is asked next.

    Asking again for the same attempt is for providers that know an attempt by its id.
    """
    payment = executed.state
    assert payment.attempt is not None, "an attempt was started"
    report: RecordCheckout | RecordUnknownOutcome
    try:
        outcome = await provider.create_checkout(checkout_request(payment, gateway))
    except ProviderUnavailable as error:
        if payment.status is not PaymentStatusVO.CREATED:  # an earlier request may have arrived
            raise ProviderUnavailableError(
                payment.provider, retry_after_s=error.retry_after_s
            ) from error
        closing = attempt_failure(payment, proof=NOT_SENT, reason=error.reason)
        return await _go_on(executed, closing, context, gateway, error.retry_after_s)
    except ProviderOutcomeUnknown as error:
        report = RecordUnknownOutcome(
            payment_id=payment.payment_id,
            operation="checkout",
            intent_id=payment.attempt.attempt_id,
            reason=error.reason,
        )
    else:
        if isinstance(outcome, CheckoutRefused):
            closing = attempt_failure(payment, proof=REFUSED, reason=outcome.reason)
            return await _go_on(executed, closing, context, gateway)
        report = _opened(payment, payment.attempt.attempt_id, outcome)
    recorded = await gateway.payments.execute(
        payment.payment_id, report, context=context, after=executed.loaded
    )
    return Attempt(executed=recorded, provider=None)


async def _go_on(
    executed: ExecutedPayment,
    closing: RecordAttemptFailure,
    context: CommandContext,
    gateway: Gateway,
    retry_after_s: float | None = None,
) -> Attempt:
    return await next_attempt(
        executed,
        executed.state.providers_next,
        closing=closing,
        context=context,
        gateway=gateway,
        retry_after_s=retry_after_s,
    )


def _opened(payment: Payment, attempt_id: str, outcome: CheckoutOpened) -> RecordCheckout:
    return RecordCheckout(
        payment_id=payment.payment_id,
        attempt_id=attempt_id,
        provider_order_id=outcome.provider_order_id,
        checkout_url=outcome.checkout_url,
        expires_at=outcome.expires_at,
    )


def _failed(payment: Payment) -> PaymentFailedError:
    return PaymentFailedError(
        payment_id=payment.payment_id.value, reason=payment.failure or "unknown"
    )
