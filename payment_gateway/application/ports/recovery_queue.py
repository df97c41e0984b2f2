"""When which payment must be looked at again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class DueLook:
    """A payment that must be looked at, claimed by one process.

    Attributes:
        last_change_at: When its newest event was recorded.
        looks: How many looks there were since without an end.
        claimed_until: After this another process may look.
    """

    payment_id: str
    tenant_id: str
    last_change_at: datetime
    looks: int
    claimed_until: datetime


class RecoveryQueue(Protocol):
    """When which payment must be looked at again; derived from the events, so it can be rebuilt."""

    async def claim(self, now: datetime, *, limit: int) -> Sequence[DueLook]:
        """Return payments that are due, each to one process only.

        Raises:
            QueueUnavailable: No answer; try again later.
        """
        ...

    async def finish(self, look: DueLook, next_at: datetime | None) -> None:
        """Set the next look, or none; a newer event than the claimed one has set it already.

        Raises:
            QueueUnavailable: No answer; the payment is looked at again.
        """
        ...

    async def put_off(self, look: DueLook, next_at: datetime) -> None:
        """Set the next look without counting this one: nobody was asked.

        Raises:
            QueueUnavailable: No answer; the payment is looked at when the claim is over.
        """
        ...


class QueueUnavailable(Exception):
    """Where the queue is kept gave no answer; what was asked is safe to ask again."""
