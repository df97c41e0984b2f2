"""Writes the marks whose age tells how far readers of the log are behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final, NoReturn, Protocol
from uuid import uuid4

import structlog

from payment_gateway.application.ports import CommandContext, EventStoreUnavailable
from payment_gateway.domain.events import DomainEvent
from payment_gateway.domain.events.canary import CanaryRecordedEvent
from payment_gateway.infrastructure.messaging.backoff import delay_s
from payment_gateway.infrastructure.messaging.canary import STREAM
from payment_gateway.infrastructure.messaging.unit import Job

# Nobody reads the stream but as part of the log, where the newest ones are all that matters.
KEPT_MAX: Final = 100
_JOB: Final = "canary"

_log = structlog.get_logger(__name__)


class Marks(Protocol):
    """Where marks are written."""

    async def mark(self, stream: str, event: DomainEvent, context: CommandContext) -> None:
        """Append to a stream wherever it ends; ``EventStoreUnavailable`` if there is no answer."""
        ...

    async def keep_newest(self, stream: str, count: int) -> None:
        """Have only so many of a stream's events kept; ``EventStoreUnavailable`` likewise."""
        ...


def canary_job(log: Marks, *, every_s: float, now: Callable[[], datetime]) -> Job:
    """Return the job of writing marks, which one of all workers has.

    Args:
        log: Where they are written.
        every_s: The time between two of them, in seconds.
        now: The clock.
    """

    async def run() -> NoReturn:
        failures, is_kept_short = 0, False
        while True:
            try:
                if not is_kept_short:
                    await log.keep_newest(STREAM, KEPT_MAX)
                    is_kept_short = True
                await log.mark(STREAM, CanaryRecordedEvent(), _context(now()))
            except EventStoreUnavailable as error:
                failures += 1
                _log.warning("canary.not_written", error=str(error))
                await asyncio.sleep(delay_s(failures))
            else:
                failures = 0
                await asyncio.sleep(every_s)

    return Job(name=_JOB, group=_JOB, run=run)


def _context(at: datetime) -> CommandContext:
    return CommandContext(tenant_id="gateway", actor="canary", correlation_id=str(uuid4()), at=at)
