"""Finish what a crash, a lost answer or a payer who never came back has left open.

Intents without outcome are asked about, never repeated blindly: either the provider is asked where
the thing stands, or it is told again under the same id, by which it knows that it was told before.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from payment_gateway.application.commands.checkout_attempt import attempt_failure, provider_of
from payment_gateway.application.commands.next_attempt import Attempt, next_attempt
from payment_gateway.application.commands.open_checkout import ask_in_turn
from payment_gateway.application.commands.refund_payment import carry_out_refund
from payment_gateway.application.commands.settle_payment import (
    checkout_reference,
    report_of,
    settle_payment,
)
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import (
    Absent,
    AwaitingPayer,
    CommandContext,
    Expired,
    Provider,
    ProviderOutcomeUnknown,
    ProviderUnavailable,
)
from payment_gateway.application.services.payment_service import ExecutedPayment
from payment_gateway.domain.aggregates.payment_commands import (
    Operation,
    RecordAttemptFailure,
    RecordExpiry,
    RecordUnknownOutcome,
)
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.errors import RefundFailed
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO, RefundStatusVO

# Longer than any request to a provider takes, so whoever stored an intent is done or dead.
INTENT_AGE_MIN: Final = timedelta(seconds=60)
# A payment whose provider was never reached is closed after this; nobody was given a page to pay at.
IDLE_AGE_MAX: Final = timedelta(hours=24)

# A refund in one of these may still turn out either way.
IN_DOUBT: Final = frozenset(
    {RefundStatusVO.REQUESTED, RefundStatusVO.PENDING, RefundStatusVO.UNKNOWN}
)


def is_open(payment: Payment) -> bool:
    """Whether anything of this payment may still change without anybody asking for it."""
    ended = payment.status.is_closed_unpaid or payment.captured is not None
    waiting = not ended and payment.status is not PaymentStatusVO.NEEDS_OPERATOR
    return waiting or any(
        refund.status in IN_DOUBT and refund.refund_id not in payment.questions
        for refund in payment.refunds.values()
    )


async def recover_payment(
    payment_id: PaymentIdVO, last_change_at: datetime, context: CommandContext, gateway: Gateway
) -> ExecutedPayment:
    """Ask the provider about whatever is open, and record what it says.

    Args:
        payment_id: Which payment.
        last_change_at: When its newest event was recorded.
        context: The recovery, for the payment's tenant.
        gateway: The services.

    Raises:
        PaymentNotFound: None of this tenant has that id.
        ProviderUnavailableError: The provider gave no answer; try again later.
        ProviderNotConfigured: The tenant's credentials are gone.
    """
    found = await gateway.payments.find(payment_id, tenant_id=context.tenant_id)
    executed = found.unchanged
    if not is_open(executed.state):
        return executed
    age = context.at - last_change_at
    if executed.state.is_idle:
        return await _recover_idle(executed, age, context, gateway)
    provider = await provider_of(executed.state, gateway)
    if executed.state.has_open_attempt:
        return await _recover_attempt(executed, provider, age, context, gateway)
    if executed.state.captured is None:
        return await _recover_checkout(executed, provider, age, context, gateway)
    for refund in executed.state.refunds.values():
        if refund.status in IN_DOUBT:
            executed = await _recover_refund(
                executed, refund.refund_id, provider, age=age, context=context, gateway=gateway
            )
    return executed


async def _recover_attempt(
    executed: ExecutedPayment,
    provider: Provider,
    age: timedelta,
    context: CommandContext,
    gateway: Gateway,
) -> ExecutedPayment:
    payment = executed.state
    attempt = payment.attempt
    assert attempt is not None, "there is an open attempt"
    if payment.status is PaymentStatusVO.CREATED:
        if age < INTENT_AGE_MIN:
            return executed
        executed = await _doubt(executed, "checkout", attempt.attempt_id, context, gateway)
    if attempt.handle is None:
        asked = Attempt(executed=executed, provider=provider)
        return (await ask_in_turn(asked, context, gateway)).executed
    try:
        standing = await provider.inquire(checkout_reference(payment))
    except (ProviderUnavailable, ProviderOutcomeUnknown):
        return executed.unchanged
    lost = "the answer to the request was lost"
    match standing:
        case Absent():  # it never arrived: without a fallback, the caller's next request starts anew
            closing = attempt_failure(payment, proof="absent", reason=lost)
            return await _fall_back(executed, closing, context, gateway)
        case AwaitingPayer():  # nobody was given the page; it lapses by itself
            return executed.unchanged
        case Expired():
            closing = attempt_failure(payment, proof="expired", reason=lost)
            if payment.providers_next:
                return await _fall_back(executed, closing, context, gateway)
            expiry = RecordExpiry(payment_id=payment.payment_id)
            return await gateway.payments.execute(
                payment.payment_id, closing, expiry, context=context, after=executed.loaded
            )
        case _:
            report = report_of(standing, payment)
            commands = (report,) if report else ()
            return await gateway.payments.execute(
                payment.payment_id, *commands, context=context, after=executed.loaded
            )


async def _fall_back(
    executed: ExecutedPayment,
    closing: RecordAttemptFailure | None,
    context: CommandContext,
    gateway: Gateway,
) -> ExecutedPayment:
    """Go on to the payment's next provider; it is proven that those before hold nothing."""
    attempt = await next_attempt(
        executed,
        executed.state.providers_next,
        closing=closing,
        context=context,
        gateway=gateway,
    )
    return (await ask_in_turn(attempt, context, gateway)).executed


async def _recover_checkout(
    executed: ExecutedPayment,
    provider: Provider,
    age: timedelta,
    context: CommandContext,
    gateway: Gateway,
) -> ExecutedPayment:
    payment = executed.state
    waiting = payment.status is PaymentStatusVO.AWAITING_PAYER
    if waiting and payment.checkout and context.at < payment.checkout.expires_at:
        return executed
    if payment.status is PaymentStatusVO.PROCESSING:
        if age < INTENT_AGE_MIN or payment.capture_id is None:
            return executed
        executed = await _doubt(executed, "capture", payment.capture_id, context, gateway)
    return await settle_payment(executed, provider, context, gateway)


async def _recover_refund(
    executed: ExecutedPayment,
    refund_id: str,
    provider: Provider,
    *,
    age: timedelta,
    context: CommandContext,
    gateway: Gateway,
) -> ExecutedPayment:
    payment_id = executed.state.payment_id
    if executed.state.refunds[refund_id].status is RefundStatusVO.REQUESTED:
        if age < INTENT_AGE_MIN:
            return executed
        executed = await _doubt(executed, "refund", refund_id, context, gateway)
    try:
        return await carry_out_refund(executed, refund_id, provider, context, gateway)
    except RefundFailed:  # the refusal is recorded
        return (await gateway.payments.find(payment_id, tenant_id=context.tenant_id)).unchanged


async def _recover_idle(
    executed: ExecutedPayment, age: timedelta, context: CommandContext, gateway: Gateway
) -> ExecutedPayment:
    payment = executed.state
    if age >= INTENT_AGE_MIN and payment.attempts and payment.providers_next:
        return await _fall_back(executed, None, context, gateway)
    if age < IDLE_AGE_MAX:
        return executed
    payment_id = executed.state.payment_id
    return await gateway.payments.execute(
        payment_id, RecordExpiry(payment_id=payment_id), context=context, after=executed.loaded
    )


async def _doubt(
    executed: ExecutedPayment,
    operation: Operation,
    intent_id: str,
    context: CommandContext,
    gateway: Gateway,
) -> ExecutedPayment:
    """Record the doubt before asking, so that nobody takes the intent for one that never left."""
    doubt = RecordUnknownOutcome(
        payment_id=executed.state.payment_id,
        operation=operation,
        intent_id=intent_id,
        reason="no outcome was recorded",
    )
    return await gateway.payments.execute(
        executed.state.payment_id, doubt, context=context, after=executed.loaded
    )
