"""The log up to now, read through a subscription that ends where news begin."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from payment_gateway.application.ports import EventStoreUnavailable, RecordedEvent
from payment_gateway.infrastructure.persistence.event_log import (
    CaughtUp,
    Checkpoint,
    EventLog,
    StreamFilter,
    UnknownRecord,
)
from payment_gateway.infrastructure.persistence.event_types import UnknownEventType

SILENCE_S_MAX: Final = 30.0  # between two things that a server sends while it has more


class LogHistory:
    """Reads what an event log holds so far."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def every(self, streams: str) -> AsyncGenerator[RecordedEvent, None]:
        """Yield every event so far of the streams whose names match, in order.

        Raises:
            EventStoreUnavailable: No answer, or not all of it.
            UnknownEventType: One of them was written by a newer release.
        """
        async with aclosing(self._log.subscribe(StreamFilter(streams), after=0)) as items:
            while True:
                try:
                    async with asyncio.timeout(SILENCE_S_MAX):
                        item = await anext(items)
                except (TimeoutError, StopAsyncIteration) as error:
                    raise EventStoreUnavailable("the log could not be read to its end") from error
                match item:
                    case RecordedEvent():
                        yield item
                    case UnknownRecord():
                        raise UnknownEventType(
                            f"{item.stream}, event {item.revision}: {item.cause}"
                        )
                    case Checkpoint():
                        continue
                    case CaughtUp():
                        return
