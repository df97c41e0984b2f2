"""What an order service, its payer and the recovery do, a line each."""

from __future__ import annotations

from payment_gateway.application.commands.complete_payment import complete_payment
from payment_gateway.application.commands.recover_payment import (
    recover_payment,
)
from payment_gateway.application.commands.refund_payment import refund_payment
from payment_gateway.application.services.payment_service import ExecutedPayment
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO
from tests.unit.application.gateway_fixture import Shop

OPENED = ["PaymentInitiated", "ProviderAttemptStarted", "CheckoutCreated"]
PAID = [*OPENED, "CaptureRequested", "PaymentCompleted"]


async def complete(
    shop: Shop, payment_id: PaymentIdVO, provider: str = "PAYPAL"
) -> ExecutedPayment:
    return await complete_payment(payment_id, ProviderTypeVO(provider), shop.context, shop.gateway)


async def refund(
    shop: Shop, payment_id: PaymentIdVO, amount: str | None = "5.00", refund_id: str = "r1"
) -> ExecutedPayment:
    return await refund_payment(
        payment_id,
        refund_id=refund_id,
        amount=amount,
        reason=None,
        context=shop.context,
        gateway=shop.gateway,
    )


async def recover(shop: Shop, payment_id: PaymentIdVO) -> ExecutedPayment:
    last_change = (await shop.store.read(f"payment-{payment_id}")).events[-1].context.at
    return await recover_payment(payment_id, last_change, shop.context, shop.gateway)


async def approved(shop: Shop, provider: str = "PAYPAL") -> PaymentIdVO:
    payment = (await shop.initiate(provider)).state
    assert payment.checkout is not None
    (shop.provider if provider == "PAYPAL" else shop.direct).approve(
        payment.checkout.provider_order_id
    )
    return payment.payment_id


async def paid(shop: Shop) -> PaymentIdVO:
    payment_id = await approved(shop)
    await complete(shop, payment_id)
    return payment_id
