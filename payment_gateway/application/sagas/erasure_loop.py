"""Finishes erasures that broke off between their event and the destruction of the key, until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NoReturn, Protocol

import structlog
from structlog.contextvars import bound_contextvars

from payment_gateway.application.ports import EventStoreUnavailable
from payment_gateway.application.sagas.work_off import work_off
from payment_gateway.application.services.subject_service import SubjectService

AT_ONCE_MAX: Final = 16
IDLE_S: Final = 1.0
TRY_AGAIN_AFTER: Final = timedelta(seconds=30)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class DueErasure:
    """Somebody whose keys are to be gone, claimed by one process.

    Attributes:
        origin: The id that the person had before any erasure.
        tenant_id: Whose customer it is.
        tries: How often it failed.
        claimed_until: After this another process may do it.
    """

    origin: str
    tenant_id: str
    tries: int
    claimed_until: datetime


class ErasureQueue(Protocol):
    """Which erasures are to be looked at; derived from the events, so it can be rebuilt."""

    async def claim(self, now: datetime, *, limit: int) -> Sequence[DueErasure]:
        """Return what is due, each to one process only.

        Raises:
            QueueUnavailable: No answer; try again later.
        """
        ...

    async def finish(self, due: DueErasure, next_at: datetime | None) -> None:
        """Set when to try again, or never; news of the person has set it already.

        Raises:
            QueueUnavailable: No answer; it is looked at again, which changes nothing.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureLoop:
    """One process's part of it; any number of them share the queue."""

    queue: ErasureQueue
    subjects: SubjectService
    now: Callable[[], datetime]

    async def run(self) -> NoReturn:
        """Finish what is due until cancelled."""
        await work_off(self.run_once, queue="erasure", idle_s=IDLE_S)

    async def run_once(self) -> int:
        """Finish the erasures that are due now and return how many there were.

        Raises:
            QueueUnavailable: The queue gave no answer.
        """
        claimed = await self.queue.claim(self.now(), limit=AT_ONCE_MAX)
        await asyncio.gather(*(self._finish(due) for due in claimed))
        return len(claimed)

    async def _finish(self, due: DueErasure) -> None:
        next_at = None
        with bound_contextvars(subject_id=due.origin, tenant_id=due.tenant_id):
            try:
                if await self.subjects.finish(due.origin, tenant_id=due.tenant_id):
                    log.info("erasure.finished")
            except EventStoreUnavailable as error:
                log.warning("erasure.not_finished", error=str(error), tries=due.tries)
                next_at = self.now() + TRY_AGAIN_AFTER
        await self.queue.finish(due, next_at)
