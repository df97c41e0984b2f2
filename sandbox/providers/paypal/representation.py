"""How PayPal shows orders, captures and refunds.

Source: PayPal OpenAPI ``checkout_orders_v2.json`` and ``payments_payment_v2.json``.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sandbox.providers.paypal.model import (
    CAPTURE,
    REFUND,
    Capture,
    CaptureStatus,
    Order,
    OrderStatus,
    Refund,
)
from sandbox.providers.paypal.money import money
from sandbox.providers.paypal.simulation import PayPalSimulation

PAYER_ID = "SBXBUYER00001"
_PAYER_NAME = {"given_name": "Sandbox", "surname": "Buyer"}
_PAYER_EMAIL = "sb-buyer@example.com"
_PAYER_COUNTRY = {"country_code": "US"}


def timestamp(moment: datetime) -> str:
    """Return the moment as PayPal writes it: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def order_body(simulation: PayPalSimulation, order: Order, *, full: bool) -> dict[str, Any]:
    """Return the order; not ``full`` is ``Prefer: return=minimal``."""
    body: dict[str, Any] = {"id": order.id, "status": order.status}
    if full:
        body |= {
            "intent": order.intent,
            "purchase_units": _units(simulation, order),
            "create_time": timestamp(order.created_at),
            "update_time": timestamp(order.updated_at),
        }
        if order.funding is not None:
            body |= _payer()
        elif order.payment_source is not None:
            body["payment_source"] = {order.payment_source: {}}
    body["links"] = _order_links(simulation, order)
    return body


def capture_body(simulation: PayPalSimulation, capture: Capture) -> dict[str, Any]:
    """Return the capture as ``GET /v2/payments/captures/{id}`` does."""
    related = {"related_ids": {"order_id": capture.order_id}}
    return _capture(simulation, capture) | {"supplementary_data": related}


def refund_body(simulation: PayPalSimulation, refund: Refund, *, full: bool) -> dict[str, Any]:
    """Return the refund; not ``full`` is ``Prefer: return=minimal``."""
    url = f"{simulation.public_url}/v2/payments"
    body: dict[str, Any] = {"id": refund.id, "status": refund.status}
    if full:
        body |= {
            "amount": money(refund.amount, refund.currency),
            "seller_payable_breakdown": {
                "gross_amount": money(refund.amount, refund.currency),
                "paypal_fee": money(Decimal(0), refund.currency),
                "net_amount": money(refund.amount, refund.currency),
                "total_refunded_amount": money(refund.refunded_so_far, refund.currency),
            },
            "create_time": timestamp(refund.created_at),
            "update_time": timestamp(refund.created_at),
        }
        body |= _given(
            invoice_id=refund.invoice_id,
            custom_id=refund.custom_id,
            note_to_payer=refund.note_to_payer,
        )
    body["links"] = [
        _link(f"{url}/refunds/{refund.id}", "self", "GET"),
        _link(f"{url}/captures/{refund.capture_id}", "up", "GET"),
    ]
    return body


def _units(simulation: PayPalSimulation, order: Order) -> list[dict[str, Any]]:
    payments: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for capture_id in order.capture_ids:
        capture = simulation.store.get(CAPTURE, capture_id, Capture)
        assert capture is not None, "an order names only captures written with it"
        made = payments.setdefault(capture.reference_id, {"captures": []})
        made["captures"].append(_capture(simulation, capture))
        for refund_id in capture.refund_ids:
            refund = simulation.store.get(REFUND, refund_id, Refund)
            assert refund is not None, "a capture names only refunds written with it"
            shown = refund_body(simulation, refund, full=True)
            made.setdefault("refunds", []).append(shown)
    return [
        unit | {"payments": payments[unit["reference_id"]]} if payments else unit
        for unit in order.units
    ]


def _capture(simulation: PayPalSimulation, capture: Capture) -> dict[str, Any]:
    url = f"{simulation.public_url}/v2"
    body: dict[str, Any] = {
        "id": capture.id,
        "status": capture.status,
        "amount": money(capture.amount, capture.currency),
        "final_capture": True,
        "seller_protection": {
            "status": "ELIGIBLE",
            "dispute_categories": ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"],
        },
        "create_time": timestamp(capture.created_at),
        "update_time": timestamp(capture.updated_at),
        "links": [
            _link(f"{url}/payments/captures/{capture.id}", "self", "GET"),
            _link(f"{url}/payments/captures/{capture.id}/refund", "refund", "POST"),
            _link(f"{url}/checkout/orders/{capture.order_id}", "up", "GET"),
        ],
    }
    if capture.status is CaptureStatus.PENDING:
        body["status_details"] = {"reason": "PENDING_REVIEW"}
    elif capture.status is not CaptureStatus.DECLINED:
        body["seller_receivable_breakdown"] = {
            "gross_amount": money(capture.amount, capture.currency),
            "paypal_fee": money(capture.fee, capture.currency),
            "net_amount": money(capture.amount - capture.fee, capture.currency),
        }
    return body | _given(invoice_id=capture.invoice_id, custom_id=capture.custom_id)


def _order_links(simulation: PayPalSimulation, order: Order) -> list[dict[str, str]]:
    url = f"{simulation.public_url}/v2/checkout/orders/{order.id}"
    links = [_link(url, "self", "GET")]
    match order.status:
        case OrderStatus.CREATED:
            links.append(_link(simulation.checkout_url(order.id), "approve", "GET"))
            links.append(_link(f"{url}/capture", "capture", "POST"))
        case OrderStatus.PAYER_ACTION_REQUIRED:
            links.append(_link(simulation.checkout_url(order.id), "payer-action", "GET"))
        case OrderStatus.APPROVED:
            links.append(_link(f"{url}/capture", "capture", "POST"))
        case OrderStatus.COMPLETED:
            pass
    return links


def _payer() -> dict[str, Any]:
    return {
        "payment_source": {
            "paypal": {
                "email_address": _PAYER_EMAIL,
                "account_id": PAYER_ID,
                "account_status": "VERIFIED",
                "name": _PAYER_NAME,
                "address": _PAYER_COUNTRY,
            }
        },
        "payer": {
            "payer_id": PAYER_ID,
            "email_address": _PAYER_EMAIL,
            "name": _PAYER_NAME,
            "address": _PAYER_COUNTRY,
        },
    }


def _given(**optional: str | None) -> dict[str, str]:
    return {name: value for name, value in optional.items() if value is not None}


def _link(href: str, rel: str, method: str) -> dict[str, str]:
    return {"href": href, "rel": rel, "method": method}
