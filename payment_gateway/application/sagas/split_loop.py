"""Looks at splits when they are due, some at a time, until it is stopped."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NoReturn
from uuid import uuid4

import structlog

from payment_gateway.application.commands.split_payment_steps import advance_split
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.log_context import logged_for
from payment_gateway.application.ports import (
    CommandContext,
    EventStoreUnavailable,
    SealBroken,
    StreamMoved,
)
from payment_gateway.application.sagas.split_schedule import (
    DueSplit,
    SplitQueue,
    next_look,
    retry,
)
from payment_gateway.application.sagas.work_off import work_off
from payment_gateway.domain.errors import DomainError
from payment_gateway.domain.value_objects.split_id import SplitIdVO

ACTOR: Final = "split"
LOOKS_AT_ONCE_MAX: Final = 16
IDLE_S: Final = 1.0
# A look that takes longer is given up like one that crashed; shorter than a claim.
LOOK_WITHIN_S: Final = 240.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SplitLoop:
    """One process's part of the work on splits; any number of them share the queue."""

    queue: SplitQueue
    gateway: Gateway

    async def run(self) -> NoReturn:
        """Look at what is due until cancelled; what fails is due again later."""
        await work_off(self.run_once, queue="splits", idle_s=IDLE_S)

    async def run_once(self) -> int:
        """Look at the splits that are due now and return how many there were.

        Raises:
            QueueUnavailable: The queue gave no answer.
        """
        looks = await self.queue.claim(self.gateway.now(), limit=LOOKS_AT_ONCE_MAX)
        await asyncio.gather(*(self._look(look) for look in looks))
        return len(looks)

    async def _look(self, look: DueSplit) -> None:
        next_at = await self._advance(look)
        await self.queue.finish(look, next_at)

    async def _advance(self, look: DueSplit) -> datetime | None:
        now = self.gateway.now()
        context = CommandContext(
            tenant_id=look.tenant_id, actor=ACTOR, correlation_id=str(uuid4()), at=now
        )
        told = {"split_id": look.split_id, "tenant_id": look.tenant_id, "looks": look.looks}
        try:
            with logged_for(context, split_id=look.split_id):
                async with asyncio.timeout(LOOK_WITHIN_S):
                    advanced = await advance_split(SplitIdVO(look.split_id), context, self.gateway)
        except (DomainError, EventStoreUnavailable, StreamMoved, SealBroken, TimeoutError) as error:
            log.warning("split.look_failed", error=type(error).__name__, **told)
            return retry(look.looks, now)
        status = advanced.view.split.status
        log.info("split.looked", status=status, learned=advanced.learned, **told)
        return next_look(advanced, look.looks, now)
