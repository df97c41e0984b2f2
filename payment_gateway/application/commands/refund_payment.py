"""Give money back: reserve the amount, then tell the provider, then record its answer."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final, assert_never

from payment_gateway.application.commands.checkout_attempt import provider_of
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import (
    CommandContext,
    Provider,
    ProviderOutcomeUnknown,
    ProviderUnavailable,
    Refunded,
    RefundHeld,
    RefundOutcome,
    RefundRefused,
    RefundRequest,
)
from payment_gateway.application.services.payment_service import ExecutedPayment
from payment_gateway.domain.aggregates.payment_commands import (
    RecordRefund,
    RecordRefundFailure,
    RecordRefundPending,
    RecordUnknownOutcome,
    Report,
    RequestRefund,
)
from payment_gateway.domain.aggregates.payment_parts import NOT_SENT, Refund
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.errors import (
    InvalidValue,
    ProviderUnavailableError,
    RefundFailed,
    RefundNotSupported,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.payment_status import RefundStatusVO

REASON_LENGTH_MAX: Final = 255
_REFUND_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)


async def refund_payment(
    payment_id: PaymentIdVO,
    *,
    refund_id: str,
    amount: Decimal | str | None,
    reason: str | None,
    context: CommandContext,
    gateway: Gateway,
) -> ExecutedPayment:
    """Give back an amount, or all that is left; the same ``refund_id`` again is the same refund.

    Returns:
        The payment with that refund: given back, taken on, or in doubt.

    Raises:
        PaymentNotFound: None of this tenant has that id.
        PreconditionFailed: It is not at the revision that the caller names.
        InvalidValue: A value is wrong.
        RefundNotSupported: The provider has no refunds.
        RefundExceedsCaptured: More than is left.
        RefundIdInUse: That id names another refund of this payment.
        PaymentStateConflict: No money was taken yet.
        RefundFailed: The provider refused; the amount is free again.
        ProviderUnavailableError: Not reached, nothing happened; send the same again.
    """
    if _REFUND_ID.fullmatch(refund_id) is None:
        raise InvalidValue("a refund id is 1 to 64 letters, digits, . _ : -", param="refundId")
    if reason is not None and len(reason) > REASON_LENGTH_MAX:
        raise InvalidValue(f"a reason has at most {REASON_LENGTH_MAX} characters", param="reason")
    found = await gateway.payments.find_matching(payment_id, context)
    payment = found.payment
    if not gateway.provider_factory.capabilities(payment.provider).refund:
        raise RefundNotSupported(payment.provider)
    asked = (
        PaymentAmountVO.parse_positive(amount, payment.amount.currency)
        if amount is not None
        else None
    )
    command = RequestRefund(payment_id=payment_id, refund_id=refund_id, amount=asked, reason=reason)
    requested = await gateway.payments.execute(
        payment_id, command, context=context, after=found.loaded
    )
    refund = requested.state.refunds[refund_id]
    if not requested.events:  # whoever reserved it tells the provider; the recovery if they crashed
        _refuse_failed(refund)
        return requested
    provider = await provider_of(payment, gateway)
    return await carry_out_refund(requested, refund_id, provider, context, gateway)


async def carry_out_refund(
    executed: ExecutedPayment,
    refund_id: str,
    provider: Provider,
    context: CommandContext,
    gateway: Gateway,
) -> ExecutedPayment:
    """Tell the provider of a refund that is reserved and has no outcome yet; record its answer.

    Telling it again is safe: the provider knows a refund by its id.

    Raises:
        RefundFailed: The provider refused; the amount is free again.
        ProviderUnavailableError: Not reached; the amount is free again unless it is in doubt from
            an earlier time.
    """
    refund = executed.state.refunds[refund_id]
    payment_id = executed.state.payment_id
    try:
        outcome = await provider.refund(_request(executed.state, refund))
    except ProviderUnavailable as error:
        await _release(executed, refund_id, context, gateway)
        raise ProviderUnavailableError(
            executed.state.provider, retry_after_s=error.retry_after_s
        ) from error
    except ProviderOutcomeUnknown as error:
        report: Report = RecordUnknownOutcome(
            payment_id=payment_id, operation="refund", intent_id=refund_id, reason=error.reason
        )
    else:
        report = report_of_refund(outcome, payment_id, refund_id)
    recorded = await gateway.payments.execute(
        payment_id, report, context=context, after=executed.loaded
    )
    _refuse_failed(recorded.state.refunds[refund_id])
    return recorded


def report_of_refund(outcome: RefundOutcome, payment_id: PaymentIdVO, refund_id: str) -> Report:
    """Return what a provider's answer tells the payment."""
    match outcome:
        case Refunded():
            return RecordRefund(
                payment_id=payment_id,
                refund_id=refund_id,
                provider_reference=outcome.reference,
            )
        case RefundHeld():
            return RecordRefundPending(
                payment_id=payment_id,
                refund_id=refund_id,
                provider_reference=outcome.reference,
            )
        case RefundRefused():
            return RecordRefundFailure(
                payment_id=payment_id, refund_id=refund_id, reason=outcome.reason
            )
        case _:
            assert_never(outcome)


async def _release(
    executed: ExecutedPayment, refund_id: str, context: CommandContext, gateway: Gateway
) -> None:
    """Free an amount that nobody told the provider of; not one that somebody may have."""

    def release(now: Payment) -> RecordRefundFailure | None:
        if now.refunds[refund_id].status is not RefundStatusVO.REQUESTED:
            return None
        return RecordRefundFailure(payment_id=now.payment_id, refund_id=refund_id, reason=NOT_SENT)

    await gateway.payments.execute_if(
        executed.state.payment_id, release, context=context, after=executed.loaded
    )


def refund_intent_id(payment_id: PaymentIdVO, refund_id: str) -> str:
    """Return the id that a provider is told for a refund."""
    return payment_id.derive(f"refund:{refund_id}")


def _request(payment: Payment, refund: Refund) -> RefundRequest:
    assert payment.provider_reference is not None, "what was taken has a reference"
    return RefundRequest(
        payment_id=payment.payment_id.value,
        refund_id=refund_intent_id(payment.payment_id, refund.refund_id),
        capture_reference=payment.provider_reference,
        amount=refund.amount,
        reason=refund.reason,
    )


def _refuse_failed(refund: Refund) -> None:
    if refund.status is RefundStatusVO.FAILED:
        raise RefundFailed(refund_id=refund.refund_id, reason=refund.failure or "unknown")
