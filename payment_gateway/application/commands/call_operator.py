"""Give up asking about what is in doubt: a person has to find out."""

from __future__ import annotations

import structlog

from payment_gateway.application.commands.recover_payment import IN_DOUBT, is_open
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext
from payment_gateway.application.services.payment_service import ExecutedPayment
from payment_gateway.domain.aggregates.payment_commands import (
    CallOperator,
    PaymentCommand,
    RecordExpiry,
)
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.events.payment import OperatorNeededEvent
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO

log = structlog.get_logger()


async def call_operator(
    payment_id: PaymentIdVO, context: CommandContext, gateway: Gateway
) -> ExecutedPayment:
    """Ask a person about all that is open of a payment; each question is asked once.

    A checkout that nobody approved, at a provider that moves no money but on our word, is closed
    instead: there is nothing to find out.

    Raises:
        PaymentNotFound: None of this tenant has that id.
        EventStoreUnavailable: No answer; asking again is safe.
    """
    found = await gateway.payments.find(payment_id, tenant_id=context.tenant_id)
    payment = found.payment
    capabilities = gateway.provider_factory.capabilities(payment.provider)
    executed = await gateway.payments.execute_chosen(
        payment_id,
        lambda now: _questions(now, takes_by_itself=capabilities.captures_on_approval),
        context=context,
        after=found.loaded,
    )
    for event in executed.events:
        if isinstance(event, OperatorNeededEvent):
            log.warning(
                "operator.needed",
                payment_id=payment_id.value,
                tenant_id=payment.tenant_id,
                question=event.question,
                refund_id=event.refund_id,
                reason=event.reason,
            )
    return executed


def _questions(payment: Payment, *, takes_by_itself: bool) -> tuple[PaymentCommand, ...]:
    if not is_open(payment) or payment.is_idle:
        return ()
    if payment.status is PaymentStatusVO.AWAITING_PAYER and not takes_by_itself:
        return (RecordExpiry(payment_id=payment.payment_id),)
    if payment.captured is None:
        return (_question(payment, None, f"{payment.provider} gave no answer that settles it"),)
    return tuple(
        _question(payment, refund.refund_id, f"{payment.provider} does not say what became of it")
        for refund in payment.refunds.values()
        if refund.status in IN_DOUBT
    )


def _question(payment: Payment, refund_id: str | None, reason: str) -> CallOperator:
    return CallOperator(payment_id=payment.payment_id, refund_id=refund_id, reason=reason)
