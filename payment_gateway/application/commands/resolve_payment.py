"""Settle what the gateway could not: a person has looked at the provider and says what is so."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext
from payment_gateway.application.services.payment_service import ExecutedPayment
from payment_gateway.domain.aggregates.payment_commands import Answer, AnswerAsOperator
from payment_gateway.domain.errors import InvalidValue
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO

NOTE_LENGTH_MAX: Final = 500
REFERENCE_LENGTH_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a person found out.

    Attributes:
        answer: What became of the payment, or of the refund.
        refund_id: Which refund, where the answer is about one.
        reference: The provider's id of what moved the money, where some was moved.
        note: How the person knows; kept for ever.
        amount: How much was taken, in the payment's currency, where it was not all.
    """

    answer: Answer
    refund_id: str | None
    reference: str | None
    note: str
    amount: Decimal | str | None = None


async def resolve_payment(
    payment_id: PaymentIdVO, finding: Finding, context: CommandContext, gateway: Gateway
) -> ExecutedPayment:
    """Record an operator's answer and what follows from it; the same answer again changes nothing.

    Args:
        payment_id: Which payment.
        finding: What the person found out.
        context: The person, for the payment's tenant.
        gateway: The services.

    Raises:
        PaymentNotFound: None of this tenant has that id.
        InvalidValue: The answer does not fit the question, or a text is missing or too long.
        InvalidAmountError: The amount is no decimal of the payment's currency.
        PaymentStateConflict: Nothing about this waits for an operator.
        EventStoreUnavailable: No answer; the same can be answered again.
    """
    note, reference = finding.note.strip(), finding.reference
    if not 1 <= len(note) <= NOTE_LENGTH_MAX or not note.isprintable():
        raise InvalidValue(f"a note is one line of 1 to {NOTE_LENGTH_MAX} characters", param="note")
    if reference is not None and not (
        1 <= len(reference) <= REFERENCE_LENGTH_MAX and reference.isprintable()
    ):
        raise InvalidValue(
            f"a reference has 1 to {REFERENCE_LENGTH_MAX} characters", param="reference"
        )
    found = await gateway.payments.find(payment_id, tenant_id=context.tenant_id)
    captured = None
    if finding.amount is not None:
        currency = found.payment.amount.currency
        captured = PaymentAmountVO.parse_positive(finding.amount, currency)
    command = AnswerAsOperator(
        payment_id=payment_id,
        refund_id=finding.refund_id,
        answer=finding.answer,
        provider_reference=reference,
        note=note,
        captured=captured,
    )
    return await gateway.payments.execute(payment_id, command, context=context, after=found.loaded)
