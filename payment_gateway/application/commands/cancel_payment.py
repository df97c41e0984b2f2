"""Call a payment off before any money is taken."""

from __future__ import annotations

from payment_gateway.application.commands.complete_payment import settle_found
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext
from payment_gateway.application.services.payment_service import ExecutedPayment
from payment_gateway.domain.aggregates.payment_commands import CancelPayment
from payment_gateway.domain.errors import PaymentStillPayable
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO


async def cancel_payment(
    payment_id: PaymentIdVO, reason: str | None, context: CommandContext, gateway: Gateway
) -> ExecutedPayment:
    """Cancel; where the payer's approval alone moves the money, only once the provider agrees.

    Raises:
        PaymentNotFound: None of this tenant has that id.
        PreconditionFailed: It is not at the revision that the caller names.
        PaymentStillPayable: The provider would still take the money and cannot be told not to.
        PaymentStateConflict: It is past being cancelled.
        ProviderUnavailableError: The provider has to be asked and cannot be; try again.
    """
    found = await gateway.payments.find_matching(payment_id, context)
    capabilities = gateway.provider_factory.capabilities(found.payment.provider)
    executed = found.unchanged
    if capabilities.captures_on_approval and found.payment.checkout is not None:
        executed = await settle_found(found, context, gateway)
        if executed.state.status is PaymentStatusVO.AWAITING_PAYER:
            raise PaymentStillPayable(command="cancel", status=executed.state.status)
    command = CancelPayment(payment_id=payment_id, reason=reason)
    return await gateway.payments.execute(
        payment_id, command, context=context, after=executed.loaded
    )
