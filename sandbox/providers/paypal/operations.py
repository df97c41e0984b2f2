"""The merchant's calls: what each does, and the status and body it is answered with."""

from starlette.responses import Response

from sandbox.providers.bodies import json_response
from sandbox.providers.paypal import captures, orders, refunds, signatures
from sandbox.providers.paypal.idempotency import once
from sandbox.providers.paypal.model import ORDER, REFUND, Order, Refund
from sandbox.providers.paypal.representation import capture_body, order_body, refund_body
from sandbox.providers.paypal.simulation import Call, PayPalSimulation


def create_order(simulation: PayPalSimulation, call: Call) -> Response:
    """``POST /v2/checkout/orders``: 201 when made now, 200 when the request id is known."""
    order_id, made_now = once(
        simulation,
        call,
        kept_s=simulation.rules.order_request_ids_kept_s,
        perform=lambda: orders.create_order(simulation, call),
    )
    order = simulation.store.get(ORDER, order_id, Order)
    assert order is not None, "written by this call or an earlier one"
    created = simulation.rules.status_created_with_source if order.payment_source else 201
    body = order_body(simulation, order, full=call.representation)
    return json_response(body, created if made_now else 200)


def get_order(simulation: PayPalSimulation, call: Call) -> Response:
    """``GET /v2/checkout/orders/{id}``."""
    order = orders.merchants_order(simulation, call)
    return json_response(order_body(simulation, order, full=True))


def capture_order(simulation: PayPalSimulation, call: Call) -> Response:
    """``POST /v2/checkout/orders/{id}/capture``: 201 when captured now, 200 when the request id is known."""
    order_id, made_now = once(
        simulation,
        call,
        kept_s=simulation.rules.order_request_ids_kept_s,
        perform=lambda: orders.capture_order(simulation, call),
    )
    order = simulation.store.get(ORDER, order_id, Order)
    assert order is not None, "written by this call or an earlier one"
    body = order_body(simulation, order, full=call.representation)
    return json_response(body, 201 if made_now else 200)


def get_capture(simulation: PayPalSimulation, call: Call) -> Response:
    """``GET /v2/payments/captures/{id}``."""
    return json_response(capture_body(simulation, captures.merchants_capture(simulation, call)))


def refund_capture(simulation: PayPalSimulation, call: Call) -> Response:
    """``POST /v2/payments/captures/{id}/refund``: 201 when refunded now, 200 when the request id is known."""
    refund_id, made_now = once(
        simulation,
        call,
        kept_s=simulation.rules.payment_request_ids_kept_s,
        perform=lambda: refunds.refund_capture(simulation, call),
    )
    refund = simulation.store.get(REFUND, refund_id, Refund)
    assert refund is not None, "written by this call or an earlier one"
    body = refund_body(simulation, refund, full=call.representation)
    return json_response(body, 201 if made_now else 200)


def get_refund(simulation: PayPalSimulation, call: Call) -> Response:
    """``GET /v2/payments/refunds/{id}``."""
    refund = refunds.merchants_refund(simulation, call)
    return json_response(refund_body(simulation, refund, full=True))


def verify_webhook(simulation: PayPalSimulation, call: Call) -> Response:
    """``POST /v1/notifications/verify-webhook-signature``: whether the bytes are what was signed."""
    status = "SUCCESS" if signatures.is_genuine(simulation, call) else "FAILURE"
    return json_response({"verification_status": status})
