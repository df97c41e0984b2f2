"""Removes idempotency keys that have been kept long enough, until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NoReturn, Protocol

import structlog

from payment_gateway.application.ports import EventStoreUnavailable, StreamMoved, StreamRemover
from payment_gateway.application.sagas.work_off import work_off

AT_ONCE_MAX: Final = 16
IDLE_S: Final = 60.0
TRY_AGAIN_AFTER: Final = timedelta(minutes=5)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class OldKey:
    """A key that is due to be removed, claimed by one process.

    Attributes:
        stream: Where it is.
        revision: Of its newest event; a key that was used since is kept.
        tries: How often removing it failed.
        claimed_until: After this another process may remove it.
    """

    stream: str
    revision: int
    tries: int
    claimed_until: datetime


class IdempotencyQueue(Protocol):
    """When which key is due; derived from the events, so it can be rebuilt."""

    async def claim(self, now: datetime, *, limit: int) -> Sequence[OldKey]:
        """Return keys that are due, each to one process only.

        Raises:
            QueueUnavailable: No answer; try again later.
        """
        ...

    async def finish(self, key: OldKey, next_at: datetime | None) -> None:
        """Set when to try again, or never; news of the key has set it already.

        Raises:
            QueueUnavailable: No answer; the key is removed again, which changes nothing.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyLoop:
    """One process's part of the removal; any number of them share the queue."""

    queue: IdempotencyQueue
    streams: StreamRemover
    now: Callable[[], datetime]

    async def run(self) -> NoReturn:
        """Remove what is due until cancelled."""
        await work_off(self.run_once, queue="idempotency", idle_s=IDLE_S)

    async def run_once(self) -> int:
        """Remove the keys that are due now and return how many there were.

        Raises:
            QueueUnavailable: The queue gave no answer.
        """
        keys = await self.queue.claim(self.now(), limit=AT_ONCE_MAX)
        await asyncio.gather(*(self._remove(key) for key in keys))
        return len(keys)

    async def _remove(self, key: OldKey) -> None:
        next_at = None
        try:
            await self.streams.remove(key.stream, expected=key.revision)
        except StreamMoved:
            # It was used since; what happened to it then sets when it is due.
            log.debug("idempotency.used_since", stream=key.stream)
        except EventStoreUnavailable as error:
            log.warning("idempotency.not_removed", stream=key.stream, error=str(error))
            next_at = self.now() + TRY_AGAIN_AFTER
        await self.queue.finish(key, next_at)
