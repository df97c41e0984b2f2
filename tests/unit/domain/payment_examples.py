"""The events and commands of one payment of 19.99 USD, as literals."""

from __future__ import annotations

from datetime import UTC, datetime

from payment_gateway.domain.aggregates.payment_commands import (
    InitiatePayment,
    RequestRefund,
)
from payment_gateway.domain.events.payment import (
    CaptureRequestedEvent,
    CheckoutCreatedEvent,
    OutcomeUnknownEvent,
    PaymentCompletedEvent,
    PaymentInitiatedEvent,
    PaymentItem,
    ProviderAttemptStartedEvent,
    RefundCompletedEvent,
    RefundRequestedEvent,
)
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_details import (
    PaymentDetailsVO,
    PaymentDetailVO,
)
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO

NUMBER = ExternalReferenceNumberVO("ERN-20260101")
ID = PaymentIdVO.of(NUMBER)
ATTEMPT = ID.derive("attempt:1")
CAPTURE = ID.derive("capture:1")
LATER = datetime(2026, 1, 1, 15, tzinfo=UTC)
PRICE = PaymentAmountVO(19_99, "USD")

INITIATE = InitiatePayment(
    payment_id=ID,
    tenant_id=TenantIdVO("demo"),
    external_reference=NUMBER,
    order_id="order-1",
    details=PaymentDetailsVO(
        (PaymentDetailVO(quantity=1, description="Coffee", price=PRICE),), PRICE
    ),
    provider=ProviderTypeVO("PAYPAL"),
    fallback_providers=(),
    allow_pending=False,
    return_url=None,
    cancel_url=None,
    subject_id=None,
    personal=None,
    fingerprint="f1",
)
INITIATED = PaymentInitiatedEvent(
    payment_id=ID.value,
    tenant_id="demo",
    external_reference=NUMBER.value,
    order_id="order-1",
    amount_minor=19_99,
    currency="USD",
    provider="PAYPAL",
    fallback_providers=(),
    items=(PaymentItem(quantity=1, description="Coffee", price_minor=19_99, url_product=None),),
    allow_pending=False,
    return_url=None,
    cancel_url=None,
    subject_id=None,
    personal=None,
    fingerprint="f1",
)
STARTED = ProviderAttemptStartedEvent(
    payment_id=ID.value,
    attempt_id=ATTEMPT,
    attempt=1,
    provider="PAYPAL",
    provider_reference_number=NUMBER.value,
    handle=None,
)
CHECKOUT = CheckoutCreatedEvent(
    payment_id=ID.value,
    attempt_id=ATTEMPT,
    provider="PAYPAL",
    provider_order_id="ORDER1",
    checkout_url="https://paypal.example/checkoutnow?token=ORDER1",
    expires_at=LATER,
)
CAPTURING = CaptureRequestedEvent(
    payment_id=ID.value, capture_id=CAPTURE, provider_order_id="ORDER1"
)
COMPLETED = PaymentCompletedEvent(
    payment_id=ID.value,
    provider="PAYPAL",
    provider_reference="CAP1",
    captured_minor=19_99,
    currency="USD",
)
AWAITING = (INITIATED, STARTED, CHECKOUT)
PAID = (*AWAITING, CAPTURING, COMPLETED)


def unknown(operation: str, intent_id: str) -> OutcomeUnknownEvent:
    return OutcomeUnknownEvent(
        payment_id=ID.value, operation=operation, intent_id=intent_id, reason="timeout"
    )


def refund(minor: int | None, refund_id: str = "r1") -> RequestRefund:
    amount = None if minor is None else PaymentAmountVO(minor, "USD")
    return RequestRefund(payment_id=ID, refund_id=refund_id, amount=amount, reason=None)


def refund_requested(minor: int, refund_id: str = "r1") -> RefundRequestedEvent:
    return RefundRequestedEvent(
        payment_id=ID.value,
        refund_id=refund_id,
        amount_minor=minor,
        currency="USD",
        reason=None,
    )


def refund_completed(minor: int, refund_id: str = "r1") -> RefundCompletedEvent:
    return RefundCompletedEvent(
        payment_id=ID.value,
        refund_id=refund_id,
        provider_reference=f"REF-{refund_id}",
        amount_minor=minor,
    )
