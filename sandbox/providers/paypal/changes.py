"""What PayPal does later by itself, because a payment's plan says so."""

from functools import partial

from sandbox.providers.paypal.captures import settle_capture
from sandbox.providers.paypal.disputes import DEFAULT_REASON, open_dispute, resolve_dispute
from sandbox.providers.paypal.model import (
    CHANGE,
    CaptureStatus,
    Change,
    DisputeOutcome,
    RefundStatus,
)
from sandbox.providers.paypal.refunds import settle_refund
from sandbox.providers.paypal.simulation import PayPalSimulation


async def perform_changes(simulation: PayPalSimulation) -> None:
    """Do what is due, until cancelled."""

    async def perform(key: str) -> None:
        await simulation.store.transact(partial(_perform, simulation, key))

    await simulation.changes.run(perform, paused=lambda: False)


def _perform(simulation: PayPalSimulation, key: str) -> None:
    change = simulation.store.get(CHANGE, key, Change)
    assert change is not None, "on the agenda together with it, and done once"
    simulation.store.remove(CHANGE, key)
    simulation.changes.remove(key)
    # What a test has done by hand in the meantime stays as it is.
    match change.action:
        case "settle_capture":
            settle_capture(simulation, change.target, CaptureStatus(change.outcome))
        case "settle_refund":
            settle_refund(simulation, change.target, RefundStatus(change.outcome))
        case "open_dispute":
            open_dispute(simulation, change.target, DEFAULT_REASON)
        case "resolve_dispute":
            resolve_dispute(simulation, change.target, DisputeOutcome(change.outcome))
