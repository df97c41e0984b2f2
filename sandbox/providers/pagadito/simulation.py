"""The parts of one simulated Pagadito."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from sandbox.providers.clock import Clock
from sandbox.providers.faults import FaultScript
from sandbox.providers.pagadito.rules import PagaditoRules
from sandbox.providers.store import Store


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

    def local_time(self, moment: datetime) -> str:
        """Return the moment as Pagadito writes it: local time, no offset."""
        zone = timezone(timedelta(hours=self.rules.utc_offset_h))
        return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
