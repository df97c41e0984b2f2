"""How far a subscription is behind the log: counted in events that it still has to take."""

from __future__ import annotations

from contextlib import aclosing
from typing import Final

from payment_gateway.infrastructure.persistence.event_log import (
    CaughtUp,
    Checkpoint,
    EventFilter,
    EventLog,
)
from projections.log_reading import next_item

# Counting means reading; beyond that, "at least so many" says enough.
EVENTS_COUNTED_MAX: Final = 1_000


async def events_behind(
    log: EventLog,
    matching: EventFilter,
    *,
    after: int,
    types: frozenset[str] | None = None,
    at_most: int = EVENTS_COUNTED_MAX,
) -> int:
    """Return how many events match after a position; ``at_most`` for that many or more.

    Args:
        log: Where they are.
        matching: Which streams or types are meant.
        after: The position of the last event that was taken.
        types: The stored names that count, of those that match; ``None`` for all.
        at_most: Where counting ends.

    Raises:
        LogNotRead: The event store did not send all of it.
        EventStoreUnavailable: It gives no answer.
    """
    behind = 0
    async with aclosing(log.subscribe(matching, after=after, types=types)) as items:
        while behind < at_most:
            match await next_item(items):
                case CaughtUp():
                    break
                case Checkpoint():
                    continue
                case item:
                    behind += item.position > after
    return behind
