"""Hands events to one handler as they come, some at a time, until it is stopped."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NoReturn, Protocol

import structlog
from structlog.contextvars import bound_contextvars

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.log_context import logged_for
from payment_gateway.application.notifications import (
    DueNotice,
    NotificationFailed,
    NotificationHandler,
    NotificationQueue,
)
from payment_gateway.application.ports import EventStoreUnavailable
from payment_gateway.application.sagas.work_off import work_off
from payment_gateway.application.services.webhook_delivery_service import Source

AT_ONCE_MAX: Final = 8
IDLE_S: Final = 0.5
# After each try that failed the next one follows; after the last the notice is given up, with a log line.
RETRIES: Final = (
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
)

log = structlog.get_logger()


class Tell(Protocol):
    """Hands events to handlers as tenants are shown them."""

    async def __call__(self, handler: NotificationHandler, source: Source) -> None:
        """Hand an event to a handler; raises ``NotificationFailed``."""
        ...


@dataclass(frozen=True, slots=True)
class NotificationLoop:
    """One process's part of one handler's work; any number of them share the queue."""

    handler: NotificationHandler
    queue: NotificationQueue
    tell: Tell
    gateway: Gateway

    async def run(self) -> NoReturn:
        """Handle what is due until cancelled; what fails is due again later."""
        await work_off(self.run_once, queue=self.handler.name, idle_s=IDLE_S)

    async def run_once(self) -> int:
        """Handle what is due now and return how much that was; raises ``QueueUnavailable``."""
        claimed = await self.queue.claim(self.gateway.now(), limit=AT_ONCE_MAX)
        await asyncio.gather(*(self._handle(due) for due in claimed))
        return len(claimed)

    async def _handle(self, due: DueNotice) -> None:
        with bound_contextvars(tenant_id=due.tenant_id, causation_id=due.event_id):
            next_at = await self._tell_of(due)
        await self.queue.finish(due, next_at)

    async def _tell_of(self, due: DueNotice) -> datetime | None:
        """Return when to try again, ``None`` for never."""
        about = {"handler": self.handler.name, "event_id": due.event_id, "tries": due.tries}
        with ExitStack() as logged:
            try:
                source = await self.gateway.webhook_deliveries.source(due.source, due.event_id)
                context = replace(source.recorded.context, causation_id=due.event_id)
                logged.enter_context(logged_for(context, payment_id=source.payment_id))
                await self.tell(self.handler, source)
            except (NotificationFailed, EventStoreUnavailable) as error:
                if due.tries < len(RETRIES):
                    log.warning("notification.failed", error=str(error), **about)
                    return self.gateway.now() + RETRIES[due.tries]
                log.warning("notification.given_up", error=str(error), **about)
        return None
