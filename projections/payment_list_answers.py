"""What a list and an order show of each payment."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from pydantic import Field
from pydantic.alias_generators import to_camel

from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from payment_gateway.infrastructure.persistence.mongodb import Document
from projections.payment_answers import Amount, Answer, decimal

# Fields that are shown by another name than they are kept by.
_KEPT_AS: Final = {
    "payment_id": "_id",
    "amount": "amountMinor",
    "captured": "capturedMinor",
    "refunded_total": "refundedMinor",
}


class ListedPayment(Answer):
    """A payment in a list."""

    payment_id: str = Field(examples=["1f0b2b9c-6a35-5d4e-9d0c-2f6a4f3c2b1a"])
    tenant_id: str = Field(examples=["demo"])
    external_reference_number: str = Field(examples=["ERN-20260203040506001"])
    order_id: str = Field(examples=["order-42"])
    status: PaymentStatusVO
    provider_type: str = Field(examples=["PAYPAL"])
    amount: Amount
    currency: str = Field(description="ISO 4217.", examples=["USD"])
    captured: Amount | None = Field(description="What was taken; null until it was.")
    refunded_total: Amount
    provider_reference: str | None = Field(
        description="The provider's id of what moved the money.", examples=["3C679366HH908993F"]
    )
    failure_reason: str | None
    created_at: datetime
    updated_at: datetime
    revision: int = Field(description="Counts the payment's events from 0.")


class OrderPayment(ListedPayment):
    """A payment of an order."""

    checkout_url: str | None = Field(
        examples=["https://www.paypal.com/checkoutnow?token=5O190127TN364715T"]
    )
    expires_at: datetime | None


class PaymentPage(Answer):
    """A page of payments, newest first."""

    data: list[ListedPayment]
    next_cursor: str | None = Field(description="Asks for the next page; null on the last one.")


class OrderPaymentPage(Answer):
    """A page of an order's payments, newest first."""

    data: list[OrderPayment]
    next_cursor: str | None = Field(description="Asks for the next page; null on the last one.")


def fields_shown(answer: type[ListedPayment]) -> dict[str, int]:
    """Return the fields of a document that an answer shows, for a query to fetch no others."""
    return dict.fromkeys(map(_kept_as, answer.model_fields), 1)


def listed_payment(document: Document) -> ListedPayment:
    """Return what a list shows of a payment."""
    return ListedPayment(**_shown(document, ListedPayment))


def order_payment(document: Document) -> OrderPayment:
    """Return what an order shows of a payment."""
    return OrderPayment(**_shown(document, OrderPayment))


def _shown(document: Document, answer: type[ListedPayment]) -> dict[str, Any]:
    currency, captured_minor = document["currency"], document["capturedMinor"]
    kept = {field: document[_kept_as(field)] for field in answer.model_fields}
    return {
        **kept,
        "amount": decimal(document["amountMinor"], currency),
        "captured": None if captured_minor is None else decimal(captured_minor, currency),
        "refunded_total": decimal(document["refundedMinor"], currency),
    }


def _kept_as(field: str) -> str:
    return _KEPT_AS.get(field, to_camel(field))
