"""What PayPal's notifications say, in our words.

Source: PayPal, "Webhook event names"; PayPal OpenAPI ``notifications_webhooks_v1.json``,
``payments_payment_v2.json`` and ``customer_disputes_v1.json`` for the resources.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from payment_gateway.application.webhooks import DisputeNews, News, PaymentNews, RefundNews
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.infrastructure.providers.paypal.money import read_money
from payment_gateway.infrastructure.providers.wording import word
from payment_gateway.infrastructure.webhooks.notification_body import (
    Fields,
    fields,
    first,
    payment_of,
)

Outcome = Literal["completed", "pending", "failed"]

_REFUND_EVENTS: Final = frozenset(
    {
        "PAYMENT.CAPTURE.REFUNDED",
        "PAYMENT.CAPTURE.REVERSED",
        "PAYMENT.REFUND.COMPLETED",
        "PAYMENT.REFUND.PENDING",
        "PAYMENT.REFUND.FAILED",
    }
)
# What the resource's own status says counts; the event's name where it has none.
_OUTCOME: Final[dict[str, Outcome]] = {
    "COMPLETED": "completed",
    "PENDING": "pending",
    "FAILED": "failed",
    "CANCELLED": "failed",
    "PAYMENT.CAPTURE.REFUNDED": "completed",
    "PAYMENT.CAPTURE.REVERSED": "completed",
    "PAYMENT.REFUND.COMPLETED": "completed",
    "PAYMENT.REFUND.PENDING": "pending",
    "PAYMENT.REFUND.FAILED": "failed",
}
_DISPUTE: Final = "CUSTOMER.DISPUTE."
_ORDER: Final = "CHECKOUT.ORDER."
_APPROVAL_REVERSED: Final = "CHECKOUT.PAYMENT-APPROVAL.REVERSED"
_CAPTURE: Final = "PAYMENT.CAPTURE."


def read_news(event_type: str, resource: Fields) -> tuple[PaymentIdVO | None, News | None]:
    """Return which payment a notification names, and what it says of it; ``None`` for nothing."""
    if event_type.startswith(_DISPUTE):
        transaction = first(resource.get("disputed_transactions"))
        named = payment_of(transaction.get("custom"), transaction.get("invoice_number"))
        return named, _dispute(event_type, resource, transaction)
    unit = first(resource.get("purchase_units")) or resource
    named = payment_of(unit.get("custom_id"), unit.get("invoice_id"))
    if event_type in _REFUND_EVENTS:
        return named, _refund(event_type, resource)
    reference_number = word(unit.get("invoice_id"))
    if event_type.startswith(_ORDER):
        order_id = word(resource.get("id"))
    elif event_type == _APPROVAL_REVERSED:
        order_id = word(resource.get("order_id"))
    elif event_type.startswith(_CAPTURE):
        related = fields(fields(resource.get("supplementary_data")).get("related_ids"))
        order_id = word(related.get("order_id"))
    else:
        return named, None
    return named, PaymentNews(order_id=order_id, reference_number=reference_number)


def _refund(event_type: str, resource: Fields) -> RefundNews | None:
    reference = word(resource.get("id"))
    outcome = _OUTCOME.get(word(resource.get("status")) or event_type)
    if reference is None or outcome is None:
        return None
    details = fields(resource.get("status_details"))
    return RefundNews(
        reference=reference,
        intent_id=word(resource.get("invoice_id")),
        capture_reference=_capture_of(resource.get("links")),
        amount=_amount(resource.get("amount")),
        outcome=outcome,
        reason=word(details.get("reason")) or word(resource.get("status")) or event_type,
    )


def _dispute(event_type: str, resource: Fields, transaction: Fields) -> DisputeNews | None:
    dispute_id = word(resource.get("dispute_id"))
    if dispute_id is None:
        return None
    resolved = event_type == f"{_DISPUTE}RESOLVED" or resource.get("status") == "RESOLVED"
    decided = word(fields(resource.get("dispute_outcome")).get("outcome_code")) or "RESOLVED"
    return DisputeNews(
        dispute_id=dispute_id,
        capture_reference=word(transaction.get("seller_transaction_id")),
        amount=_amount(resource.get("dispute_amount")),
        reason=word(resource.get("reason")) or "OTHER",
        outcome=decided if resolved else None,
    )


def _capture_of(links: Any) -> str | None:
    """Return the capture that the link ``up`` leads to."""
    for link in links if isinstance(links, list) else ():
        href = fields(link).get("href")
        if fields(link).get("rel") == "up" and isinstance(href, str):
            path, _, capture_id = href.rpartition("/")
            return word(capture_id) if path.endswith("/captures") else None
    return None


def _amount(value: Any) -> PaymentAmountVO | None:
    """Return an amount; some of what is taken back is written with a minus."""
    text = fields(value).get("value")
    unsigned = text.removeprefix("-") if isinstance(text, str) else text
    return read_money({**fields(value), "value": unsigned})
