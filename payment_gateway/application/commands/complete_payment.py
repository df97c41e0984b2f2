"""Bring a payment that the payer has approved to its end."""

from __future__ import annotations

from typing import Final

from payment_gateway.application.commands.checkout_attempt import provider_of
from payment_gateway.application.commands.settle_payment import settle_payment
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext
from payment_gateway.application.services.payment_service import ExecutedPayment, FoundPayment
from payment_gateway.domain.aggregates.payment import refuse_by_status
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.errors import InvalidValue, PaymentDeclined, PaymentNotApproved
from payment_gateway.domain.events.payment import CaptureDeclinedEvent
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO

_TO_BE_ASKED: Final = frozenset(
    {
        PaymentStatusVO.AWAITING_PAYER,
        PaymentStatusVO.PROCESSING,
        PaymentStatusVO.PENDING,
        PaymentStatusVO.UNKNOWN,
    }
)


async def complete_payment(
    payment_id: PaymentIdVO,
    provider_type: ProviderTypeVO,
    context: CommandContext,
    gateway: Gateway,
) -> ExecutedPayment:
    """Take the money of an approved payment; a second call finds it taken and changes nothing.

    Returns:
        The payment: with its money, ``PENDING``, or, where that is not known yet, ``PROCESSING``
        or ``UNKNOWN``.

    Raises:
        PaymentNotFound: None of this tenant has that id.
        PreconditionFailed: It is not at the revision that the caller names.
        InvalidValue: It is with another provider.
        PaymentNotApproved: The payer has not approved yet.
        PaymentDeclined: The payer's means of payment was declined.
        PaymentCancelled: It was cancelled.
        PaymentExpired: The payer did not pay in time.
        ProviderUnavailableError: The provider cannot be asked at the moment; try again.
    """
    found = await gateway.payments.find_matching(payment_id, context)
    if found.payment.provider != provider_type.value:
        raise InvalidValue(f"the payment is with {found.payment.provider}", param="providerType")
    executed = await settle_found(found, context, gateway)
    if any(isinstance(event, CaptureDeclinedEvent) for event in executed.events):
        raise PaymentDeclined(command="complete", status=executed.state.status)
    refuse_unpaid(executed.state)
    return executed


async def settle_found(
    found: FoundPayment, context: CommandContext, gateway: Gateway
) -> ExecutedPayment:
    """Ask the provider where the payment stands, if there is anything to ask."""
    payment = found.payment
    if payment.status not in _TO_BE_ASKED or payment.checkout is None:
        return found.unchanged
    provider = await provider_of(payment, gateway)
    return await settle_payment(found.unchanged, provider, context, gateway)


def refuse_unpaid(payment: Payment) -> None:
    """Refuse where the payment is known to be without money.

    Raises:
        PaymentStateConflict: It says which way it is without.
    """
    if payment.status.is_closed_unpaid:
        raise refuse_by_status("complete", payment)
    if payment.status in {PaymentStatusVO.CREATED, PaymentStatusVO.AWAITING_PAYER}:
        raise PaymentNotApproved(command="complete", status=payment.status)
