"""The parts of one simulated Pagadito."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from sandbox.providers.agenda import Agenda
from sandbox.providers.clock import Clock
from sandbox.providers.faults import FaultScript
from sandbox.providers.pagadito.model import CHANGE, Change, ChargePlan
from sandbox.providers.pagadito.rules import PagaditoRules
from sandbox.providers.scenarios import ScenarioScript
from sandbox.providers.store import Store
from sandbox.providers.webhooks.identity import SigningIdentity
from sandbox.providers.webhooks.outbox import Outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class PagaditoSimulation:
    """What every operation works with."""

    store: Store
    clock: Clock
    faults: FaultScript
    rules: PagaditoRules
    public_url: str
    return_url_template: str | None
    """For merchants whose panel has none."""
    scenarios: ScenarioScript[ChargePlan]
    identity: SigningIdentity
    outbox: Outbox
    changes: Agenda
    """What Pagadito does later by itself."""

    def local_time(self, moment: datetime) -> str:
        """Return the moment as Pagadito writes it: local time, no offset."""
        zone = timezone(timedelta(hours=self.rules.utc_offset_h))
        return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")

    def do_later(self, change: Change, *, at: datetime) -> None:
        """Let Pagadito do something by itself; inside ``store.transact``."""
        key = uuid.uuid4().hex
        self.store.put(CHANGE, key, change)
        self.changes.add(key, at)
