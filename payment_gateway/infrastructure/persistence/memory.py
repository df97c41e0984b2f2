"""An event store that forgets when the process ends; for tests."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence

from payment_gateway.application.ports import (
    Appended,
    CommandContext,
    History,
    StreamDestroyed,
    StreamMoved,
)
from payment_gateway.domain.events import DomainEvent
from payment_gateway.infrastructure.persistence.event_log import (
    CaughtUp,
    Checkpoint,
    EventFilter,
    LogItem,
    StreamFilter,
    TypeFilter,
)
from payment_gateway.infrastructure.persistence.stored_event import StoredEvent, new_records


class InMemoryEventStore:
    """Obeys the same contract as EventStoreDB; see ``tests/contracts/test_event_store.py``."""

    def __init__(self) -> None:
        self._log: list[StoredEvent] = []
        self._appended = asyncio.Condition()
        self._removed: dict[str, int] = {}  # up to which position a stream was removed
        self._destroyed: set[str] = set()

    async def read(self, stream: str) -> History:
        """Return a stream, empty if it was never written."""
        if stream in self._destroyed:
            return History(events=(), revision=None, destroyed=True)
        begins = self._removed.get(stream, 0)
        events = tuple(
            stored.read()
            for stored in self._log
            if stored.stream == stream and stored.position > begins
        )
        return History(events=events, revision=events[-1].revision if events else None)

    async def append(
        self,
        stream: str,
        events: Sequence[DomainEvent],
        *,
        expected: int | None,
        context: CommandContext,
    ) -> Appended:
        """Append all events, or raise ``StreamMoved`` if the stream is not at ``expected``."""
        assert events, "an append carries at least one event"
        async with self._appended:
            history = await self.read(stream)
            if history.destroyed:
                raise StreamDestroyed(stream)
            revision = history.revision
            if revision != expected:
                raise StreamMoved(stream)
            if revision is None:  # a stream that was removed goes on counting
                revision = self._last_revision(stream)
            for record in new_records(events, context):
                revision = 0 if revision is None else revision + 1
                self._log.append(
                    StoredEvent(
                        event_id=record.event_id,
                        type=record.type,
                        data=record.data,
                        metadata=record.metadata,
                        stream=stream,
                        revision=revision,
                        position=len(self._log) + 1,
                    )
                )
            self._appended.notify_all()
            assert revision is not None, "at least one event was appended"
            return Appended(revision=revision, position=len(self._log))

    async def mark(self, stream: str, event: DomainEvent, context: CommandContext) -> None:
        """Append to a stream wherever it ends."""
        revision = (await self.read(stream)).revision
        await self.append(stream, [event], expected=revision, context=context)

    async def keep_newest(self, stream: str, count: int) -> None:
        """Keep all of them: what is forgotten soon needs no room."""

    async def remove(self, stream: str, *, expected: int) -> None:
        """Remove a stream, or raise ``StreamMoved`` if it is not at ``expected``."""
        if self._last_revision(stream) != expected:
            raise StreamMoved(stream)
        self._removed[stream] = len(self._log)

    async def destroy(self, stream: str) -> None:
        """Destroy a stream for good; the log shows it until it is gone from there too."""
        self._destroyed.add(stream)

    async def subscribe(
        self,
        matching: EventFilter,
        *,
        after: int,
        types: frozenset[str] | None = None,
        ahead: int = 0,
    ) -> AsyncGenerator[LogItem, None]:
        """Yield what matches after a position, then ``CaughtUp``, then what is appended.

        Nothing is read ahead, however much of it may be.
        """
        del ahead
        caught_up = False
        while True:
            considered = self._log[after:]
            for stored in considered:
                after = stored.position
                if _matches(matching, stored):
                    yield stored.item(types)
            if considered:
                yield Checkpoint(after)
            if not caught_up:
                caught_up = True
                yield CaughtUp()
            async with self._appended:
                while len(self._log) <= after:
                    await self._appended.wait()

    async def head(self) -> int:
        """Return the position of the last event, 0 for an empty log."""
        return len(self._log)

    def _last_revision(self, stream: str) -> int | None:
        return max((one.revision for one in self._log if one.stream == stream), default=None)


def _matches(matching: EventFilter, stored: StoredEvent) -> bool:
    match matching:
        case StreamFilter(pattern):
            return re.fullmatch(pattern, stored.stream) is not None
        case TypeFilter(names):
            return stored.type in names
