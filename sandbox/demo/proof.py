"""Compares what was stored and answered with what the demo shop did, to the cent."""

from __future__ import annotations

from typing import Any

from sandbox.demo.order import CURRENCY, Order, decimal, minor
from sandbox.demo.steps import expect_equal

Json = dict[str, Any]
TITLE_DOCUMENT = "The read model's document"


def prove_payment(step: str, payment: Json, order: Order, *, status: str) -> None:
    """An answer of the API that shows the payment.

    Raises:
        StepFailed: It shows another status or amount, or a completed payment without the
            provider's reference.
    """
    expect_equal(step, "status", payment.get("status"), status, part="api")
    expect_equal(step, "amount", payment.get("amount"), decimal(order.amount_minor), part="api")
    expect_equal(step, "currency", payment.get("currency"), CURRENCY, part="api")
    settled = status not in {"CREATED", "AWAITING_PAYER"}
    if settled:
        has_reference = bool(payment.get("providerReference"))
        expect_equal(step, "whether there is a providerReference", has_reference, True, part="api")


def prove_history(step: str, events: list[Json], order: Order, payment_id: str) -> None:
    """The events of the payment's stream: which, in what order, of which amounts.

    Raises:
        StepFailed: One is missing, too many, out of order or of another amount.
    """
    types = tuple(event["type"] for event in events)
    expect_equal(step, "the order of events", types, order.history, part="api")
    expect_equal(
        step, "revisions", [e["revision"] for e in events], [*range(len(events))], part="api"
    )
    ids = {event["paymentId"] for event in events}
    expect_equal(step, "paymentId", ids, {payment_id}, part="api")
    by_type = {event["type"]: event["data"] for event in events}
    amount = decimal(order.amount_minor)
    expect_equal(step, "ordered", by_type["PaymentInitiated"]["amount"], amount, part="api")
    expect_equal(step, "captured", by_type["PaymentCompleted"]["captured"], amount, part="api")
    if order.refund_minor:
        refunded = by_type["RefundCompleted"]["amount"]
        expect_equal(step, "given back", refunded, decimal(order.refund_minor), part="api")


def prove_document(document: Json, order: Order, events: list[Json], payment_id: str) -> None:
    """The read model's document: what follows from the events, and nothing else.

    Raises:
        StepFailed: It says something else than the events.
    """
    data = {event["type"]: event["data"] for event in events}
    refund = data.get("RefundCompleted")
    wanted = {
        "_id": payment_id,
        "orderId": data["PaymentInitiated"]["orderId"],
        "providerType": data["PaymentCompleted"]["provider"],
        "providerReference": data["PaymentCompleted"]["providerReference"],
        "currency": data["PaymentCompleted"]["currency"],
        "amountMinor": minor(data["PaymentInitiated"]["amount"]),
        "capturedMinor": minor(data["PaymentCompleted"]["captured"]),
        "refundedMinor": minor(refund["amount"]) if refund else 0,
        "status": order.final_status,
        "revision": events[-1]["revision"],
    }
    found = {name: document.get(name) for name in wanted}
    expect_equal(TITLE_DOCUMENT, "it", found, wanted, part="projections")
