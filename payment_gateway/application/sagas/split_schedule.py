"""When a split must be looked at: when something happened to one of its payments, and at its deadlines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from payment_gateway.application.commands.split_payment_steps import Advanced
from payment_gateway.application.sagas.recovery import RETRIES
from payment_gateway.domain.aggregates.payment_parts import NOT_SENT
from payment_gateway.domain.events.payment import (
    CaptureRequestedEvent,
    PaymentEvent,
    PaymentInitiatedEvent,
    ProviderAttemptFailedEvent,
    ProviderAttemptStartedEvent,
    ReconciliationDifferenceFoundEvent,
    RefundFailedEvent,
    RefundRequestedEvent,
)

# For so long the request that started a split opens its checkouts itself, or it is dead.
START_GRACE: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class DueSplit:
    """A split that must be looked at, claimed by one process.

    Attributes:
        looks: How many looks there were since without news.
        claimed_until: After this another process may look.
    """

    split_id: str
    tenant_id: str
    looks: int
    claimed_until: datetime


class SplitQueue(Protocol):
    """When which split must be looked at again; derived from the events, so it can be rebuilt."""

    async def claim(self, now: datetime, *, limit: int) -> Sequence[DueSplit]:
        """Return splits that are due, each to one process only.

        Raises:
            QueueUnavailable: No answer; try again later.
        """
        ...

    async def finish(self, look: DueSplit, next_at: datetime | None) -> None:
        """Set the next look, or none; news that came during the look have set it already.

        Raises:
            QueueUnavailable: No answer; the split is looked at again.
        """
        ...


def is_news(event: PaymentEvent) -> bool:
    """Whether an event of a payment may move its split on.

    An intent does not, and neither does what was never sent: a look makes both itself, and would
    call the next look before its time.
    """
    match event:
        case (
            PaymentInitiatedEvent()
            | ProviderAttemptStartedEvent()
            | CaptureRequestedEvent()
            | RefundRequestedEvent()
            | ReconciliationDifferenceFoundEvent()
        ):
            return False
        case ProviderAttemptFailedEvent():
            return event.proof != NOT_SENT
        case RefundFailedEvent():
            return event.reason != NOT_SENT
        case _:
            return True


def next_look(advanced: Advanced, looks: int, now: datetime) -> datetime | None:
    """Return when to look again after ``looks`` looks without news; ``None`` to wait for news alone."""
    split = advanced.view.split
    retry_at = retry(looks, now) if advanced.is_stuck else None
    deadline = None
    if split.is_paying:
        deadline = split.pay_until
    elif split.is_compensating:
        deadline = split.settle_until
    times = [at for at in (retry_at, deadline) if at is not None and at > now]
    return min(times, default=None)


def retry(looks: int, now: datetime) -> datetime:
    """Return when to try again what could not be done after ``looks`` looks."""
    return now + RETRIES[min(looks, len(RETRIES) - 1)]
