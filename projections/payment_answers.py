"""What a viewer is shown of a payment: documents as JSON, amounts as decimal texts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO, RefundStatusVO
from payment_gateway.infrastructure.persistence.mongodb import Document

Amount = Annotated[
    str, Field(description="With the currency's own number of digits.", examples=["19.99"])
]


class Answer(BaseModel):
    """A part of an answer; camelCase on the wire."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class ItemAnswer(Answer):
    """One line of what is paid for."""

    quantity: int = Field(examples=[1])
    description: str = Field(examples=["Concert ticket"])
    price: Amount
    url_product: str | None = Field(examples=["https://shop.example/tickets/1"])


class RefundAnswer(Answer):
    """Money given back, or asked back."""

    refund_id: str
    amount: Amount
    status: RefundStatusVO
    reason: str | None = Field(examples=["damaged"])
    failure_reason: str | None
    provider_reference: str | None = Field(examples=["1JU08902781691411"])


class AttemptAnswer(Answer):
    """One provider that was asked for a checkout."""

    attempt: int = Field(description="Counts from 1.")
    provider_type: str = Field(examples=["PAYPAL"])
    reference_number: str = Field(
        description="What the provider knows this attempt by.", examples=["ERN-20260203040506001"]
    )
    provider_order_id: str | None = Field(examples=["5O190127TN364715T"])
    failure_reason: str | None


class DisputeAnswer(Answer):
    """The payer asks the provider for the money back."""

    dispute_id: str = Field(examples=["PP-D-27803"])
    amount: Amount | None = Field(description="Null where the provider did not say.")
    reason: str = Field(examples=["MERCHANDISE_OR_SERVICE_NOT_RECEIVED"])
    outcome: str | None = Field(description="The provider's word; null while it is open.")


class QuestionAnswer(Answer):
    """What waits for a person of operations."""

    refund_id: str | None = Field(description="Null where it is about the payment itself.")
    reason: str


class PaymentSummary(Answer):
    """A payment without what it keeps sealed."""

    payment_id: str = Field(examples=["1f0b2b9c-6a35-5d4e-9d0c-2f6a4f3c2b1a"])
    tenant_id: str = Field(examples=["demo"])
    external_reference_number: str = Field(examples=["ERN-20260203040506001"])
    order_id: str = Field(examples=["order-42"])
    status: PaymentStatusVO
    provider_type: str = Field(examples=["PAYPAL"])
    fallback_providers: list[str]
    allow_pending_payments: bool
    amount: Amount
    currency: str = Field(description="ISO 4217.", examples=["USD"])
    details: list[ItemAnswer]
    checkout_url: str | None = Field(
        examples=["https://www.paypal.com/checkoutnow?token=5O190127TN364715T"]
    )
    expires_at: datetime | None
    provider_reference: str | None = Field(
        description="The provider's id of what moved the money.", examples=["3C679366HH908993F"]
    )
    captured: Amount | None = Field(description="What was taken; null until it was.")
    refunded_total: Amount
    refunds: list[RefundAnswer]
    disputes: list[DisputeAnswer]
    questions: list[QuestionAnswer]
    attempts: list[AttemptAnswer]
    failure_reason: str | None
    late_facts: int = Field(
        description="Reports that no longer fitted; the payment's events show them."
    )
    created_at: datetime
    updated_at: datetime
    revision: int = Field(description="Counts the payment's events from 0.")


class PaymentAnswer(PaymentSummary):
    """A payment."""

    custom_params: dict[str, Any] | None = Field(
        description="As given when the payment was initiated.", examples=[{"seat": "12B"}]
    )
    customer: dict[str, Any] | None = Field(examples=[{"reference": "c-1"}])


def payment_summary(document: Document) -> PaymentSummary:
    """Return what is shown of a payment to who may not see what it keeps sealed."""
    return PaymentSummary(**_fields(document))


def payment_answer(document: Document, personal: Mapping[str, Any] | None) -> PaymentAnswer:
    """Return all that is shown of a payment; ``personal`` is what it had sealed, ``None`` if erased."""
    opened = personal or {}
    return PaymentAnswer(
        **_fields(document),
        custom_params=opened.get("customParams"),
        customer=opened.get("customer"),
    )


def decimal(amount_minor: int, currency: str) -> str:
    """Return an amount as a decimal text with the currency's own digits."""
    return PaymentAmountVO(amount_minor, currency).decimal


def _fields(document: Document) -> dict[str, Any]:
    currency: str = document["currency"]
    captured = document["capturedMinor"]
    kept = {
        field: document[to_camel(field)]
        for field in PaymentSummary.model_fields
        if to_camel(field) in document
    }
    return {
        **kept,
        "payment_id": document["_id"],
        "amount": decimal(document["amountMinor"], currency),
        "captured": None if captured is None else decimal(captured, currency),
        "refunded_total": decimal(document["refundedMinor"], currency),
        "details": [
            {**item, "price": decimal(item["priceMinor"], currency)} for item in document["items"]
        ],
        "refunds": [
            {**refund, "amount": decimal(refund["amountMinor"], currency)}
            for refund in document["refunds"]
        ],
        "disputes": [
            {**dispute, "amount": amount_minor and decimal(amount_minor, currency)}
            for dispute in document["disputes"]
            for amount_minor in [dispute["amountMinor"]]
        ],
    }
