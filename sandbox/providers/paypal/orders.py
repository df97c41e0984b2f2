"""Orders: created by the merchant, approved by the payer, captured by the merchant.

Source: PayPal OpenAPI ``checkout_orders_v2.json``.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from sandbox.providers.identifiers import upper_alphanumeric
from sandbox.providers.paypal import events, money
from sandbox.providers.paypal.errors import PayPalRefusal, Problem, refuse
from sandbox.providers.paypal.model import (
    CAPTURE,
    ORDER,
    PAID_INVOICE,
    Capture,
    CaptureStatus,
    Change,
    Funding,
    InvoiceHolder,
    Order,
    OrderStatus,
)
from sandbox.providers.paypal.order_amounts import checked_units
from sandbox.providers.paypal.order_request import read_order_request
from sandbox.providers.paypal.simulation import Call, PayPalSimulation

RESOURCE_ID_LENGTH = 17


def create_order(simulation: PayPalSimulation, call: Call) -> str:
    """Create an order and return its id.

    Raises:
        PayPalRefusal: The request is malformed or its amounts do not add up.
    """
    request = read_order_request(call.body, request_id=call.request_id)
    now = simulation.clock.now()
    order = Order(
        id=upper_alphanumeric(RESOURCE_ID_LENGTH),
        client_id=call.merchant.client_id,
        intent=request.intent,
        status=OrderStatus.PAYER_ACTION_REQUIRED if request.payment_source else OrderStatus.CREATED,
        units=checked_units(request),
        payment_source=request.payment_source,
        brand_name=request.brand_name,
        return_url=request.return_url,
        cancel_url=request.cancel_url,
        request_id=call.request_id,
        created_at=now,
        updated_at=now,
        plan=simulation.scenarios.next_plan(),
    )
    simulation.store.put(ORDER, order.id, order)
    return order.id


def find_order(simulation: PayPalSimulation, order_id: str) -> Order | None:
    """Return the order, or nothing where it is unknown or has expired without being paid."""
    order = simulation.store.get(ORDER, order_id, Order)
    if order is None or order.status is OrderStatus.COMPLETED:
        return order
    planned_s = order.plan.validity_s if order.plan else None
    validity = timedelta(seconds=planned_s or simulation.rules.order_validity_s)
    return order if simulation.clock.now() < order.created_at + validity else None


def merchants_order(simulation: PayPalSimulation, call: Call) -> Order:
    """Return the order that the call names.

    Raises:
        PayPalRefusal: 404, it is unknown, another merchant's, or expired.
    """
    order = find_order(simulation, call.resource_id)
    if order is None or order.client_id != call.merchant.client_id:
        raise PayPalRefusal(
            Problem(
                issue="INVALID_RESOURCE_ID",
                field="order_id",
                value=call.resource_id,
                location="path",
            )
        )
    return order


def approve_order(simulation: PayPalSimulation, order_id: str, funding: Funding) -> Order | None:
    """Record that the payer approves, or chooses other funding; nothing where it is too late."""
    order = find_order(simulation, order_id)
    if order is None or order.status is OrderStatus.COMPLETED:
        return None
    approved = replace(
        order, status=OrderStatus.APPROVED, funding=funding, updated_at=simulation.clock.now()
    )
    simulation.store.put(ORDER, order.id, approved)
    events.order_approved(simulation, approved)
    return approved


def capture_order(simulation: PayPalSimulation, call: Call) -> str:
    """Take the money of an approved order, one capture for each purchase unit; return the order's id.

    Raises:
        PayPalRefusal: The order cannot be captured; the issue says why.
    """
    order = merchants_order(simulation, call)
    if order.intent != "CAPTURE":
        raise refuse("ACTION_DOES_NOT_MATCH_INTENT")
    if order.status is OrderStatus.COMPLETED:
        raise refuse("ORDER_ALREADY_CAPTURED")
    if order.status is not OrderStatus.APPROVED:
        raise refuse("ORDER_NOT_APPROVED")
    if order.funding is Funding.DECLINED:
        raise PayPalRefusal(
            Problem(issue="INSTRUMENT_DECLINED"), checkout_url=simulation.checkout_url(order.id)
        )
    now = simulation.clock.now()
    captures = [
        _capture_unit(simulation, order, unit, call.request_id, now) for unit in order.units
    ]
    completed = replace(
        order,
        status=OrderStatus.COMPLETED,
        capture_ids=[capture.id for capture in captures],
        updated_at=now,
    )
    simulation.store.put(ORDER, order.id, completed)
    for capture in captures:
        events.capture_changed(simulation, capture)
        _plan_next(simulation, capture)
    return order.id


def _plan_next(simulation: PayPalSimulation, capture: Capture) -> None:
    """Let happen what the order's plan has for the time after the capture."""
    plan = capture.plan
    if plan is None:
        return
    if plan.capture_settles_as is not None and capture.status is CaptureStatus.PENDING:
        settled = Change(
            action="settle_capture", target=capture.id, outcome=plan.capture_settles_as
        )
        simulation.do_later(settled, after_ms=plan.after_ms)
    if plan.dispute:
        disputed = Change(action="open_dispute", target=capture.id)
        simulation.do_later(disputed, after_ms=plan.after_ms)


def paid_invoice_key(client_id: str, invoice_id: str) -> str:
    """Return under which key an invoice counts as paid: it is unique in a merchant's account."""
    return f"{client_id}:{invoice_id}"


def _capture_unit(
    simulation: PayPalSimulation,
    order: Order,
    unit: dict[str, Any],
    request_id: str | None,
    now: datetime,
) -> Capture:
    currency = unit["amount"]["currency_code"]
    amount = Decimal(unit["amount"]["value"])
    rules = simulation.rules
    held = order.plan is not None and order.plan.capture_held
    in_review = held or order.funding is Funding.REVIEW
    capture = Capture(
        id=upper_alphanumeric(RESOURCE_ID_LENGTH),
        client_id=order.client_id,
        order_id=order.id,
        reference_id=unit["reference_id"],
        status=CaptureStatus.PENDING if in_review else CaptureStatus.COMPLETED,
        currency=currency,
        amount=amount,
        fee=money.fee(amount, currency, percent=rules.fee_percent, fixed=rules.fee_fixed),
        refunded=Decimal(0),
        refund_ids=[],
        invoice_id=unit.get("invoice_id"),
        custom_id=unit.get("custom_id"),
        request_id=request_id,
        created_at=now,
        updated_at=now,
        plan=order.plan,
    )
    if capture.invoice_id is not None:
        key = paid_invoice_key(order.client_id, capture.invoice_id)
        if not simulation.store.claim(PAID_INVOICE, key, InvoiceHolder(capture.id)):
            raise refuse("DUPLICATE_INVOICE_ID", "/purchase_units/invoice_id", capture.invoice_id)
    simulation.store.put(CAPTURE, capture.id, capture)
    return capture
