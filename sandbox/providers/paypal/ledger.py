"""What the simulated PayPal has on its books."""

from typing import Any

import msgspec

from sandbox.providers.control import Books
from sandbox.providers.paypal.model import (
    CAPTURE,
    DISPUTE,
    ORDER,
    REFUND,
    Capture,
    Dispute,
    Order,
    Refund,
)
from sandbox.providers.paypal.money import canonical
from sandbox.providers.store import Row
from sandbox.providers.webhooks.control import ledger_entry
from sandbox.providers.webhooks.model import NOTIFICATION


def show_dispute(dispute: Dispute) -> dict[str, Any]:
    """Return a dispute as the ledger shows it."""
    return {
        "id": dispute.id,
        "clientId": dispute.client_id,
        "captureId": dispute.capture_id,
        "status": dispute.status,
        "outcome": dispute.outcome,
        "reason": dispute.reason,
        "amount": canonical(dispute.amount, dispute.currency),
        "currency": dispute.currency,
        "createdAt": dispute.created_at,
    }


def _order(row: Row) -> dict[str, Any]:
    order = msgspec.json.decode(row.body, type=Order)
    return {
        "id": order.id,
        "clientId": order.client_id,
        "status": order.status,
        "amount": canonical(order.total, order.currency),
        "currency": order.currency,
        "customIds": [unit.get("custom_id") for unit in order.units],
        "invoiceIds": [unit.get("invoice_id") for unit in order.units],
        "requestId": order.request_id,
        "captureIds": order.capture_ids,
        "createdAt": order.created_at,
    }


def _capture(row: Row) -> dict[str, Any]:
    capture = msgspec.json.decode(row.body, type=Capture)
    return {
        "id": capture.id,
        "clientId": capture.client_id,
        "orderId": capture.order_id,
        "status": capture.status,
        "amount": canonical(capture.amount, capture.currency),
        "refunded": canonical(capture.refunded, capture.currency),
        "fee": canonical(capture.fee, capture.currency),
        "currency": capture.currency,
        "customId": capture.custom_id,
        "invoiceId": capture.invoice_id,
        "requestId": capture.request_id,
        "refundIds": capture.refund_ids,
        "disputeIds": capture.dispute_ids,
        "createdAt": capture.created_at,
    }


def _refund(row: Row) -> dict[str, Any]:
    refund = msgspec.json.decode(row.body, type=Refund)
    return {
        "id": refund.id,
        "clientId": refund.client_id,
        "captureId": refund.capture_id,
        "status": refund.status,
        "reversal": refund.reversal,
        "amount": canonical(refund.amount, refund.currency),
        "currency": refund.currency,
        "customId": refund.custom_id,
        "invoiceId": refund.invoice_id,
        "noteToPayer": refund.note_to_payer,
        "requestId": refund.request_id,
        "createdAt": refund.created_at,
    }


def _dispute(row: Row) -> dict[str, Any]:
    return show_dispute(msgspec.json.decode(row.body, type=Dispute))


BOOKS: Books = {
    ORDER: ("orders", _order),
    CAPTURE: ("captures", _capture),
    REFUND: ("refunds", _refund),
    DISPUTE: ("disputes", _dispute),
    NOTIFICATION: ("webhooks", ledger_entry),
}
