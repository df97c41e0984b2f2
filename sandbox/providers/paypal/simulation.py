"""The parts of one simulated PayPal, and one authenticated call on it."""

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sandbox.providers.agenda import Agenda
from sandbox.providers.clock import Clock
from sandbox.providers.faults import FaultScript
from sandbox.providers.paypal.model import CHANGE, Change, Merchant, OrderPlan
from sandbox.providers.paypal.rules import PayPalRules
from sandbox.providers.scenarios import ScenarioScript
from sandbox.providers.store import Store
from sandbox.providers.webhooks.identity import SigningIdentity
from sandbox.providers.webhooks.outbox import Outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class PayPalSimulation:
    """What every operation works with."""

    store: Store
    clock: Clock
    faults: FaultScript
    rules: PayPalRules
    public_url: str
    scenarios: ScenarioScript[OrderPlan]
    identity: SigningIdentity
    outbox: Outbox
    changes: Agenda
    """What PayPal does later by itself."""
    requests_in_progress: set[tuple[str, str]] = field(default_factory=set)
    """Client id and ``PayPal-Request-Id`` of calls that are not answered yet."""

    def checkout_url(self, order_id: str) -> str:
        """Return where the payer approves the order."""
        return f"{self.public_url}/checkoutnow?token={order_id}"

    def do_later(self, change: Change, *, after_ms: int) -> None:
        """Let PayPal do something by itself; inside ``store.transact``."""
        key = uuid.uuid4().hex
        self.store.put(CHANGE, key, change)
        self.changes.add(key, self.clock.now() + timedelta(milliseconds=after_ms))


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authenticated call."""

    merchant: Merchant
    operation: str
    """Method and path: what a ``PayPal-Request-Id`` is bound to."""
    resource_id: str
    """The id in the path; empty where there is none."""
    body: dict[str, Any]
    raw_body: bytes
    body_sha256: str
    request_id: str | None
    representation: bool
    """Whether ``Prefer: return=representation`` was asked for."""
