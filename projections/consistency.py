"""Reading your own writes: a query waits until the read model has come as far as the caller has."""

from __future__ import annotations

import asyncio
import re
import time
from typing import ClassVar, Final

from payment_gateway.infrastructure.messaging.checkpoint import checkpoint_of
from payment_gateway.infrastructure.persistence.mongodb import Database
from projections.generations import Generation, partition_of

WAIT_S_DEFAULT: Final = 2
WAIT_S_MAX: Final = 30
POLL_EVERY_S: Final = 0.02
RETRY_AFTER_S: Final = 1
# RFC 7240, section 4.3: Prefer: wait=SECONDS, among other preferences.
_WAIT: Final = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?=$|[,;])", re.IGNORECASE)


class NotYet(Exception):
    """The read model has not come as far as the caller has; ask again after ``retry_after_s``."""

    code: ClassVar[str] = "not_yet"
    retryable: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__("the answer does not show your last command yet; ask again")
        self.retry_after_s = RETRY_AFTER_S


def wait_s(prefer: str | None) -> int:
    """Return how long a caller is willing to wait, in seconds, at most ``WAIT_S_MAX``."""
    found = _WAIT.search(prefer or "")
    return min(int(found.group(1)), WAIT_S_MAX) if found else WAIT_S_DEFAULT


async def wait_until(
    database: Database,
    generation: Generation,
    *,
    position: int,
    within_s: float,
    payment_id: str | None = None,
) -> None:
    """Wait until a read model shows everything up to a position.

    Args:
        database: Where it is.
        generation: Which build of it is read.
        position: In the log.
        within_s: How long to wait at most, in seconds.
        payment_id: The one payment that is asked for; then only its partition has to be that far.

    Raises:
        NotYet: It did not within that time.
    """
    partitions = (
        range(generation.partitions)
        if payment_id is None
        else (partition_of(payment_id, generation.partitions),)
    )
    waiting = [generation.subscription(partition) for partition in partitions]
    deadline_s = time.monotonic() + within_s
    while waiting:
        if await checkpoint_of(database, waiting[-1]) >= position:
            waiting.pop()
        elif time.monotonic() + POLL_EVERY_S > deadline_s:
            raise NotYet
        else:
            await asyncio.sleep(POLL_EVERY_S)
