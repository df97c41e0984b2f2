"""When a delivery that failed is sent again, and when an endpoint is given up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from payment_gateway.application.webhook_deliveries import Failing

# At most so long after a failed attempt the next one follows; the last holds for all that come after.
RETRIES: Final = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=4),
    timedelta(hours=8),
)
# Chance may make every delay short; a receiver is never asked again at once.
DELAY_MIN: Final = timedelta(seconds=1)
ATTEMPTS_MAX: Final = 60
# A receiver may ask to be left alone, but not for ever.
RETRY_AFTER_MAX: Final = timedelta(hours=24)

# An endpoint is disabled when it has taken nothing for so long, and has failed so often meanwhile.
DISABLE_AFTER: Final = timedelta(days=5)
FAILURES_MIN: Final = 20


def next_attempt_at(
    *,
    attempts: int,
    ends_at: datetime,
    now: datetime,
    retry_after_s: float | None,
    random: Callable[[], float],
) -> datetime | None:
    """Return when to send again what has just failed; ``None`` when its time is over.

    The delay is drawn evenly from nothing to the full one, so that deliveries that failed together do
    not come back together. Whatever it is, one attempt is made as the time ends.

    Args:
        attempts: How often it was sent in this round, the one that failed included; at least 1.
        ends_at: When the last attempt is made.
        now: When it failed.
        retry_after_s: For how long the receiver asked to be left alone, in seconds.
        random: Returns a number from 0 up to, not including, 1.
    """
    if now >= ends_at or attempts >= ATTEMPTS_MAX:
        return None
    full = RETRIES[min(attempts, len(RETRIES)) - 1]
    delay = max(full * random(), DELAY_MIN)
    if retry_after_s is not None:
        asked = timedelta(seconds=min(retry_after_s, RETRY_AFTER_MAX.total_seconds()))
        delay = max(delay, asked)
    return min(now + delay, ends_at)


def should_disable(failing: Failing | None, now: datetime) -> bool:
    """Tell whether an endpoint has failed long and often enough to be given up."""
    return (
        failing is not None
        and failing.failures >= FAILURES_MIN
        and now - failing.since >= DISABLE_AFTER
    )
