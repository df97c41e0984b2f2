"""Disputes: opened by the payer over a capture, ended by PayPal.

Source: PayPal OpenAPI ``customer_disputes_v1.json``. What a dispute does to the money is told by the event
``PAYMENT.CAPTURE.REVERSED`` and shown as a refund that is a reversal.
"""

from typing import Final

from msgspec.structs import replace

from sandbox.providers.identifiers import digits
from sandbox.providers.paypal import events
from sandbox.providers.paypal.captures import has_open_dispute
from sandbox.providers.paypal.model import (
    CAPTURE,
    DISPUTE,
    Capture,
    CaptureStatus,
    Change,
    Dispute,
    DisputeOutcome,
    DisputeStatus,
)
from sandbox.providers.paypal.refunds import reverse_capture
from sandbox.providers.paypal.simulation import PayPalSimulation

DEFAULT_REASON: Final = "MERCHANDISE_OR_SERVICE_NOT_RECEIVED"
_ID_DIGITS = 5
_PAID = frozenset({CaptureStatus.COMPLETED, CaptureStatus.PARTIALLY_REFUNDED})


def open_dispute(simulation: PayPalSimulation, capture_id: str, reason: str) -> Dispute | None:
    """Open a case over what is left of a capture; nothing where no money is held or a case is open."""
    capture = simulation.store.get(CAPTURE, capture_id, Capture)
    if capture is None or capture.status not in _PAID or has_open_dispute(simulation, capture):
        return None
    now = simulation.clock.now()
    dispute = Dispute(
        id=f"PP-R-{digits(_ID_DIGITS)}-{digits(_ID_DIGITS)}{digits(_ID_DIGITS)}",
        client_id=capture.client_id,
        capture_id=capture.id,
        reason=reason,
        currency=capture.currency,
        amount=capture.amount - capture.refunded,
        status=DisputeStatus.OPEN,
        outcome=None,
        created_at=now,
        updated_at=now,
    )
    changed = replace(capture, dispute_ids=[*capture.dispute_ids, dispute.id])
    simulation.store.put(DISPUTE, dispute.id, dispute)
    simulation.store.put(CAPTURE, capture.id, changed)
    events.dispute_changed(simulation, dispute)
    plan = capture.plan
    if plan is not None and plan.dispute and plan.dispute_outcome is not None:
        resolved = Change(action="resolve_dispute", target=dispute.id, outcome=plan.dispute_outcome)
        simulation.do_later(resolved, after_ms=plan.after_ms)
    return dispute


def resolve_dispute(
    simulation: PayPalSimulation, dispute_id: str, outcome: DisputeOutcome
) -> Dispute | None:
    """End a case; in the buyer's favour the disputed money goes back. Nothing where no such case is open."""
    dispute = simulation.store.get(DISPUTE, dispute_id, Dispute)
    if dispute is None or dispute.status is not DisputeStatus.OPEN:
        return None
    resolved = replace(
        dispute,
        status=DisputeStatus.RESOLVED,
        outcome=outcome,
        updated_at=simulation.clock.now(),
    )
    simulation.store.put(DISPUTE, dispute.id, resolved)
    events.dispute_changed(simulation, resolved)
    if outcome is DisputeOutcome.RESOLVED_BUYER_FAVOUR:
        reverse_capture(simulation, dispute.capture_id, at_most=dispute.amount)
    return resolved
