"""What PayPal tells merchants: an event for every change of an order, a capture, a refund or a dispute.

Source: PayPal's list of webhook event names and OpenAPI ``notifications_webhooks_v1.json``.
"""

from datetime import UTC
from typing import Any, assert_never

from sandbox.providers.bodies import json_text
from sandbox.providers.identifiers import upper_alphanumeric
from sandbox.providers.paypal.model import (
    CAPTURE,
    MERCHANT,
    Capture,
    CaptureStatus,
    Dispute,
    DisputeStatus,
    Merchant,
    Order,
    OrderPlan,
    Refund,
    RefundStatus,
)
from sandbox.providers.paypal.money import canonical, money
from sandbox.providers.paypal.representation import (
    capture_body,
    order_body,
    refund_body,
    timestamp,
)
from sandbox.providers.paypal.simulation import PayPalSimulation
from sandbox.providers.webhooks.model import Notification

_ID_PART_LENGTH = 17


def order_approved(simulation: PayPalSimulation, order: Order) -> None:
    """Tell that the payer has approved."""
    _announce(
        simulation,
        "CHECKOUT.ORDER.APPROVED",
        resource_type="checkout-order",
        resource=order_body(simulation, order, full=True),
        summary="An order has been approved by buyer",
        client_id=order.client_id,
        order_id=order.id,
        plan=order.plan,
    )


def capture_changed(simulation: PayPalSimulation, capture: Capture) -> None:
    """Tell how a capture stands after it was made or its review has ended."""
    amount = f"{canonical(capture.amount, capture.currency)} {capture.currency}"
    match capture.status:
        case CaptureStatus.COMPLETED:
            event_type, summary = "PAYMENT.CAPTURE.COMPLETED", f"Payment completed for {amount}"
        case CaptureStatus.PENDING:
            event_type, summary = "PAYMENT.CAPTURE.PENDING", f"Payment pending for {amount}"
        case CaptureStatus.DECLINED:
            event_type, summary = "PAYMENT.CAPTURE.DECLINED", f"Payment declined for {amount}"
        case CaptureStatus.PARTIALLY_REFUNDED | CaptureStatus.REFUNDED:
            return  # told by the event of the refund
        case _:
            assert_never(capture.status)
    _announce(
        simulation,
        event_type,
        resource_type="capture",
        resource=capture_body(simulation, capture),
        summary=summary,
        client_id=capture.client_id,
        order_id=capture.order_id,
        plan=capture.plan,
    )


def refund_changed(simulation: PayPalSimulation, refund: Refund) -> None:
    """Tell how a refund, or what PayPal has taken back itself, stands."""
    capture = _capture(simulation, refund.capture_id)
    amount = f"{canonical(refund.amount, refund.currency)} {refund.currency}"
    match refund.status:
        case RefundStatus.COMPLETED if refund.reversal:
            event_type, summary = "PAYMENT.CAPTURE.REVERSED", f"A {amount} payment was reversed"
        case RefundStatus.COMPLETED:
            event_type, summary = "PAYMENT.CAPTURE.REFUNDED", f"A {amount} payment was refunded"
        case RefundStatus.PENDING:
            event_type, summary = "PAYMENT.REFUND.PENDING", f"A {amount} refund is pending"
        case RefundStatus.FAILED:
            event_type, summary = "PAYMENT.REFUND.FAILED", f"A {amount} refund failed"
        case _:
            assert_never(refund.status)
    _announce(
        simulation,
        event_type,
        resource_type="refund",
        resource=refund_body(simulation, refund, full=True),
        summary=summary,
        client_id=refund.client_id,
        order_id=capture.order_id,
        plan=capture.plan,
    )


def dispute_changed(simulation: PayPalSimulation, dispute: Dispute) -> None:
    """Tell that a dispute was opened or has ended."""
    capture = _capture(simulation, dispute.capture_id)
    opened = dispute.status is DisputeStatus.OPEN
    _announce(
        simulation,
        "CUSTOMER.DISPUTE.CREATED" if opened else "CUSTOMER.DISPUTE.RESOLVED",
        resource_type="dispute",
        resource=_dispute_body(dispute, capture),
        summary="A dispute was opened" if opened else "A dispute was resolved",
        client_id=dispute.client_id,
        order_id=capture.order_id,
        plan=capture.plan,
    )


def _capture(simulation: PayPalSimulation, capture_id: str) -> Capture:
    capture = simulation.store.get(CAPTURE, capture_id, Capture)
    assert capture is not None, "refunds and disputes are of captures, which stay"
    return capture


def _dispute_body(dispute: Dispute, capture: Capture) -> dict[str, Any]:
    """Return the dispute; source: PayPal OpenAPI ``customer_disputes_v1.json``."""
    transaction = {
        "seller_transaction_id": capture.id,
        "invoice_number": capture.invoice_id,
        "custom": capture.custom_id,
    }
    body: dict[str, Any] = {
        "dispute_id": dispute.id,
        "create_time": timestamp(dispute.created_at),
        "update_time": timestamp(dispute.updated_at),
        "disputed_transactions": [
            {name: value for name, value in transaction.items() if value is not None}
        ],
        "reason": dispute.reason,
        "status": dispute.status,
        "dispute_amount": money(dispute.amount, dispute.currency),
        "dispute_life_cycle_stage": "INQUIRY",
    }
    if dispute.outcome is not None:
        body["dispute_outcome"] = {"outcome_code": dispute.outcome}
    return body


def _announce(
    simulation: PayPalSimulation,
    event_type: str,
    *,
    resource_type: str,
    resource: dict[str, Any],
    summary: str,
    client_id: str,
    order_id: str,
    plan: OrderPlan | None,
) -> None:
    merchant = simulation.store.get(MERCHANT, client_id, Merchant)
    if merchant is None or merchant.webhook_url is None:
        return
    part = (upper_alphanumeric(_ID_PART_LENGTH), upper_alphanumeric(_ID_PART_LENGTH))
    event_id = f"WH-{part[0]}-{part[1]}"
    now = simulation.clock.now()
    url = f"{simulation.public_url}/v1/notifications/webhooks-events/{event_id}"
    envelope = {
        "id": event_id,
        "event_version": "1.0",
        "create_time": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "resource_type": resource_type,
        "resource_version": "2.0",
        "event_type": event_type,
        "summary": summary,
        "resource": resource,
        "links": [
            {"href": url, "rel": "self", "method": "GET"},
            {"href": f"{url}/resend", "rel": "resend", "method": "POST"},
        ],
    }
    notification = Notification(
        id=event_id,
        event_type=event_type,
        merchant_id=client_id,
        payment_id=order_id,
        url=merchant.webhook_url,
        body=json_text(envelope),
        created_at=now,
    )
    simulation.outbox.announce(notification, plan)
