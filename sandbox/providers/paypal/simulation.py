"""The parts of one simulated PayPal, and one authenticated call on it."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.providers.clock import Clock
from sandbox.providers.faults import FaultScript
from sandbox.providers.paypal.model import Merchant
from sandbox.providers.paypal.rules import PayPalRules
from sandbox.providers.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class PayPalSimulation:
    """What every operation works with."""

    store: Store
    clock: Clock
    faults: FaultScript
    rules: PayPalRules
    public_url: str
    requests_in_progress: set[tuple[str, str]] = field(default_factory=set)
    """Client id and ``PayPal-Request-Id`` of calls that are not answered yet."""

    def checkout_url(self, order_id: str) -> str:
        """Return where the payer approves the order."""
        return f"{self.public_url}/checkoutnow?token={order_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authenticated call."""

    merchant: Merchant
    operation: str
    """Method and path: what a ``PayPal-Request-Id`` is bound to."""
    resource_id: str
    """The id in the path; empty where there is none."""
    body: dict[str, Any]
    body_sha256: str
    request_id: str | None
    representation: bool
    """Whether ``Prefer: return=representation`` was asked for."""
