"""The log as a reader that comes to an end needs it: up to a position, with an end to every wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from payment_gateway.infrastructure.persistence.event_log import (
    CaughtUp,
    Checkpoint,
    EventLog,
    LogItem,
    RecordedEvent,
    StreamFilter,
    UnknownRecord,
)

SILENCE_S_MAX: Final = 30.0  # between two things that a server sends while it has more
# A long log must not keep others on the same loop waiting: a lease has to be renewed meanwhile.
BREATHE_EVERY: Final = 100


class LogNotRead(Exception):
    """The event store stopped sending before the end."""


async def read_log(
    log: EventLog, streams: str, *, to: int
) -> AsyncGenerator[RecordedEvent | UnknownRecord, None]:
    """Yield what the log holds of the streams whose names match, up to a position.

    Raises:
        LogNotRead: Nothing came for ``SILENCE_S_MAX``.
        EventStoreUnavailable: The connection is gone.
    """
    last = count = 0
    async with aclosing(log.subscribe(StreamFilter(streams), after=0)) as items:
        while last < to:
            item = await next_item(items)
            match item:
                case CaughtUp():
                    return
                case Checkpoint(position):
                    last = max(last, position)
                case RecordedEvent() | UnknownRecord():
                    if last < item.position <= to:
                        yield item
                    last = max(last, item.position)
            count += 1
            if count % BREATHE_EVERY == 0:
                await asyncio.sleep(0)


async def next_item(items: AsyncGenerator[LogItem, None]) -> LogItem:
    """Return what comes next.

    Raises:
        LogNotRead: Nothing came for ``SILENCE_S_MAX``.
        EventStoreUnavailable: The connection is gone.
    """
    try:
        async with asyncio.timeout(SILENCE_S_MAX):
            return await anext(items)
    except (TimeoutError, StopAsyncIteration) as error:
        raise LogNotRead("the event store did not send the log to its end") from error
