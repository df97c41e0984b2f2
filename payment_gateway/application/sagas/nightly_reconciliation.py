"""Reconcile with every provider once a day, in one process of all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NoReturn, Protocol

import structlog

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import QueueUnavailable
from payment_gateway.application.sagas.reconciliation import RECENT, PaymentRef, reconcile

JOB: Final = "reconcile"
IDLE_S: Final = 60.0

# A provider, since when, and until when to the payments that are compared.
Pages = Callable[[str, datetime, datetime], AsyncIterator[Sequence[PaymentRef]]]

log = structlog.get_logger()


class DailyLease(Protocol):
    """Sees to it that a job is done once a day, by one process."""

    async def take(self, now: datetime) -> bool:
        """Take today's job; ``False`` where it is done or taken.

        Raises:
            QueueUnavailable: No answer; take it later.
        """
        ...

    async def renew(self, now: datetime) -> bool:
        """Go on holding it; ``False`` where another process has taken it.

        Raises:
            QueueUnavailable: No answer.
        """
        ...

    async def finish(self, now: datetime) -> None:
        """Say that today's job is done.

        Raises:
            QueueUnavailable: No answer; it may be done once more.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NightlyReconciliation:
    """One process's part; any number of them share the lease.

    Attributes:
        hour: From which hour of the day on, in UTC, it may be done.
    """

    lease: DailyLease
    pages: Pages
    providers: tuple[str, ...]
    hour: int
    gateway: Gateway

    async def run(self) -> NoReturn:
        """Reconcile each day until cancelled."""
        while True:
            try:
                await self.run_if_due()
            except QueueUnavailable as error:
                log.warning("reconciliation.not_done", error=str(error))
            await asyncio.sleep(IDLE_S)

    async def run_if_due(self) -> bool:
        """Reconcile if today's job is due and nobody else does it; say whether that was done.

        Raises:
            QueueUnavailable: Where payments or leases are kept gave no answer; try later.
        """
        began = self.gateway.now()
        if began.hour < self.hour or not await self.lease.take(began):
            return False
        for provider in self.providers:
            pages = self.pages(provider, began - RECENT, began)
            found = await reconcile(self._while_held(pages), self.gateway)
            log.info(
                "reconciliation.done",
                provider=provider,
                compared=found.compared,
                differences=len(found.differences),
                failed=found.failed,
                complete=found.complete,
            )
        await self.lease.finish(began)
        return True

    async def _while_held(
        self, pages: AsyncIterator[Sequence[PaymentRef]]
    ) -> AsyncIterator[Sequence[PaymentRef]]:
        async for page in pages:
            if not await self.lease.renew(self.gateway.now()):
                raise QueueUnavailable("another process has taken the job over")
            yield page
