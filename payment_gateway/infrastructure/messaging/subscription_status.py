"""What a subscription is doing, for readiness and for whoever looks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SubscriptionState(StrEnum):
    """Where a subscription is between its start and its end."""

    STARTING = "starting"
    CATCHING_UP = "catching_up"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    STOPPED = "stopped"


@dataclass(slots=True)
class SubscriptionStatus:
    """Kept up to date while a subscription runs.

    Attributes:
        position: Up to here everything is done and committed.
        head: Where the log ended when it was last asked.
        events: Events handled since the start.
        batches: Transactions that carried them.
        parked: Events parked since the start.
        failures: Times that a connection was lost since the start.
        last_error: The last of them, in words.
    """

    name: str
    state: SubscriptionState = SubscriptionState.STARTING
    position: int = 0
    head: int = 0
    events: int = 0
    batches: int = 0
    parked: int = 0
    failures: int = 0
    last_error: str | None = None

    @property
    def lag(self) -> int:
        """How far the position is behind the log's end, in positions; 0 when caught up."""
        return max(0, self.head - self.position)

    @property
    def is_live(self) -> bool:
        """Whether history is exhausted and news is being followed."""
        return self.state is SubscriptionState.LIVE

    def as_json(self) -> dict[str, object]:
        """Return the same as a JSON object."""
        return {
            "name": self.name,
            "state": self.state.value,
            "position": self.position,
            "head": self.head,
            "lag": self.lag,
            "events": self.events,
            "batches": self.batches,
            "parked": self.parked,
            "failures": self.failures,
            "lastError": self.last_error,
        }
