"""Captures after they were made: found for their merchant, held for review, disputed.

Source: PayPal OpenAPI ``payments_payment_v2.json``.
"""

from msgspec.structs import replace

from sandbox.providers.paypal import events
from sandbox.providers.paypal.errors import PayPalRefusal, Problem, refuse
from sandbox.providers.paypal.model import (
    CAPTURE,
    DISPUTE,
    PAID_INVOICE,
    Capture,
    CaptureStatus,
    Dispute,
    DisputeStatus,
)
from sandbox.providers.paypal.orders import paid_invoice_key
from sandbox.providers.paypal.simulation import Call, PayPalSimulation


def merchants_capture(simulation: PayPalSimulation, call: Call) -> Capture:
    """Return the capture that the call names.

    Raises:
        PayPalRefusal: 404, it is unknown; 403, it is another merchant's.
    """
    capture = simulation.store.get(CAPTURE, call.resource_id, Capture)
    if capture is None:
        raise unknown_resource("capture_id", call.resource_id)
    if capture.client_id != call.merchant.client_id:
        raise refuse("PERMISSION_DENIED")
    return capture


def settle_capture(simulation: PayPalSimulation, capture_id: str, status: CaptureStatus) -> bool:
    """End the review of a pending capture; say whether there was one to end."""
    capture = simulation.store.get(CAPTURE, capture_id, Capture)
    if capture is None or capture.status is not CaptureStatus.PENDING:
        return False
    if status is CaptureStatus.DECLINED and capture.invoice_id is not None:
        key = paid_invoice_key(capture.client_id, capture.invoice_id)
        simulation.store.remove(PAID_INVOICE, key)  # no money came: the invoice may be paid yet
    settled = replace(capture, status=status, updated_at=simulation.clock.now())
    simulation.store.put(CAPTURE, capture.id, settled)
    events.capture_changed(simulation, settled)
    return True


def has_open_dispute(simulation: PayPalSimulation, capture: Capture) -> bool:
    """Say whether a case over the capture is open."""
    disputes = [simulation.store.get(DISPUTE, key, Dispute) for key in capture.dispute_ids]
    return any(dispute is not None and dispute.status is DisputeStatus.OPEN for dispute in disputes)


def unknown_resource(field: str, value: str) -> PayPalRefusal:
    """Return the refusal of an id in the path that nothing has."""
    return PayPalRefusal(
        Problem(issue="INVALID_RESOURCE_ID", field=field, value=value, location="path")
    )
