"""What a subscription is doing, for readiness and for whoever looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
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
        unknown: Events passed over since the start, of types that this release has never heard of.
        canary_at: When the newest mark was written that has come through, ``None`` before the first.
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
    unknown: int = 0
    canary_at: datetime | None = None
    failures: int = 0
    last_error: str | None = None

    @property
    def lag(self) -> int:
        """How far the position is behind the log's end, in positions; 0 when caught up."""
        return max(0, self.head - self.position)

    def lag_s(self, now: datetime) -> float | None:
        """How old the newest mark is that has come through, in seconds; ``None`` before the first."""
        return None if self.canary_at is None else max(0.0, (now - self.canary_at).total_seconds())

    @property
    def is_live(self) -> bool:
        """Whether history is exhausted and news is being followed."""
        return self.state is SubscriptionState.LIVE

    def as_json(self, now: datetime) -> dict[str, object]:
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
            "unknown": self.unknown,
            "lagSeconds": self.lag_s(now),
            "failures": self.failures,
            "lastError": self.last_error,
        }
