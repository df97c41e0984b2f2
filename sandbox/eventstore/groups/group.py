"""One group at work: it reads, hands out, parks, replays, and remembers how far it is."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from itertools import count

import structlog

from sandbox.eventstore.commits import StoreIsClosing
from sandbox.eventstore.group_commit import StorageFailed, WriteRefused
from sandbox.eventstore.groups import refusals, source
from sandbox.eventstore.groups.consumer import Consumer
from sandbox.eventstore.groups.definition import ALL, Definition
from sandbox.eventstore.groups.delivery import Answer, Delivery
from sandbox.eventstore.groups.message import Message, Progress
from sandbox.eventstore.groups.parking import parked_event, truncation
from sandbox.eventstore.store import Store
from sandbox.eventstore.stream_state import metadata_stream
from sandbox.eventstore.writes import ANY, Append, SettleGroup

# How often a group looks at its clock while something is under way.
TICK_S = 1.0
_MS_PER_S = 1000
_log = structlog.get_logger(__name__)


class Group:
    """A group that runs.

    Attributes:
        definition: What it reads and how.
        delivery: Its consumers, and the messages that it has read.
        checkpoint: Up to where all was settled when it was last stored.
        started_s: When, on the monotonic clock.
    """

    def __init__(self, store: Store, definition: Definition, checkpoint: int | None) -> None:
        self.definition = definition
        self.delivery = Delivery(definition.settings)
        self.checkpoint = checkpoint
        self._store = store
        expression = definition.expression
        self._filter = None if expression is None else expression.event_filter()
        self._progress = Progress(definition.after if checkpoint is None else checkpoint)
        self._replay: Progress | None = None
        self._replay_last = -1
        self._numbers = count(1)
        self.started_s = self._settled_at_s = self._looked_at_s = time.monotonic()
        watched = definition.key.source
        self._watching = ExitStack()
        self._watch = self._watching.enter_context(
            store.commits.watch(None if watched == ALL else watched)
        )
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._ended)

    @property
    def read_to(self) -> int:
        """Position (or number) of the last event that the group has looked at."""
        return self._progress.read_to

    @property
    def replayed_to(self) -> int:
        """Number of the last parked message that is being tried again, -1 if none is."""
        return self._replay_last

    def join(self, buffer_size: int, peer: str, connection_name: str) -> Consumer:
        """Let a consumer in.

        Raises:
            Refusal: There are as many as there may be.
        """
        most = self.definition.settings.max_subscriber_count
        if 0 < most <= len(self.delivery.consumers):
            raise refusals.too_many_consumers(self.definition.key)
        consumer = Consumer(next(self._numbers), buffer_size, peer, connection_name)
        self.delivery.consumers.append(consumer)
        self._go_on()
        return consumer

    def leave(self, consumer: Consumer) -> None:
        """Let a consumer go; what it has not answered goes to the others."""
        self.delivery.leave(consumer)
        self._go_on()

    def answer(
        self, consumer: Consumer, ids: Iterable[bytes], answer: Answer, reason: str = ""
    ) -> None:
        """Do what a consumer says about messages."""
        self._settle(self.delivery.answer(consumer, ids, answer, reason))
        self._go_on()

    async def replay(self, stop_at: int | None) -> None:
        """Try parked messages again: all that are parked now, or those below a number."""
        parked = await self._store.readers.run(source.parked_range, self.definition)
        last = parked.last if stop_at is None else min(parked.last, stop_at - 1)
        if last < parked.first or last <= self._replay_last:
            return
        if self._replay is None:
            self._replay = Progress(parked.first - 1)
        self._replay_last = last
        self._go_on()

    async def stop(self, error: Exception) -> None:
        """End, and let the consumers end with an error."""
        self._task.cancel()
        await asyncio.wait({self._task})
        self._watching.close()
        for consumer in self.delivery.consumers:
            consumer.end(error)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Let no consumer wait for a group that has failed; it begins anew with the server."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("eventstore.group_failed", group=self.definition.key, error=repr(error))
            for consumer in self.delivery.consumers:
                consumer.end(refusals.failed(self.definition.key, repr(error)))

    def _go_on(self) -> None:
        self.delivery.push(time.monotonic())
        self._watch.raise_()

    async def _run(self) -> None:
        closing = False
        while not closing:
            self._watch.lower()
            try:
                await self._step()
                async with asyncio.timeout(self._until_next_look()):
                    await self._watch.wait()
            except TimeoutError:
                continue  # a look at the clock is due
            except (StorageFailed, WriteRefused, sqlite3.Error) as error:
                _log.warning("eventstore.group_waits", group=self.definition.key, error=repr(error))
                await asyncio.sleep(TICK_S)  # the disk may have room again then
                closing = self._store.commits.closing
            except StoreIsClosing as error:
                closing = True
                for consumer in self.delivery.consumers:
                    consumer.end(error)
        with suppress(StorageFailed, WriteRefused):  # a checkpoint too old repeats, never skips
            await self.store_checkpoint()

    def _until_next_look(self) -> float | None:
        busy = self.delivery.in_flight or self.delivery.to_park or self._progress.settled
        return TICK_S if busy else None

    async def _step(self) -> None:
        now_s = time.monotonic()
        if now_s - self._looked_at_s >= TICK_S:
            self._looked_at_s = now_s
            self.delivery.time_out(now_s)
        self.delivery.push(now_s)
        await self._read_on()
        await self._park()
        await self._end_replay()
        if self._checkpoint_is_due():
            await self.store_checkpoint()

    async def _read_on(self) -> None:
        """Read until there is enough, or nothing more."""
        more = True
        while more and self.delivery.room > 0:
            limit = min(self.delivery.room, max(1, self.definition.settings.read_batch_size))
            more = await self._read_parked(limit) or await self._read_source(limit)
            self.delivery.push(time.monotonic())

    async def _read_source(self, limit: int) -> bool:
        before = self._progress.read_to
        found = await self._store.readers.run(
            source.read_source,
            self.definition,
            self._filter,
            after=before,
            end=self._store.commits.position,
            limit=limit,
        )
        if found.seen <= before:
            return False
        self._progress.read(found.messages, found.seen)
        self.delivery.add(found.messages)
        return True

    async def _read_parked(self, limit: int) -> bool:
        replay = self._replay
        if replay is None or replay.read_to >= self._replay_last:
            return False
        found = await self._store.readers.run(
            source.read_parked, self.definition, replay.read_to, self._replay_last, limit
        )
        replay.read(found.messages, found.seen)
        self.delivery.add(found.messages)
        return True

    async def _end_replay(self) -> None:
        """Take what was tried again out of the parked ones, once all of it is settled."""
        last = self._replay_last
        if self._replay is None or self._replay.settled_to < last:
            return
        stream = metadata_stream(self.definition.key.parked_stream)
        await self._store.writer.submit(Append(stream, ANY, (truncation(last + 1),)))
        if self._replay_last == last:  # else more is to be replayed by now
            self._replay, self._replay_last = None, -1

    async def _park(self) -> None:
        while self.delivery.to_park:
            message, reason = self.delivery.to_park[0]
            event = parked_event(message, reason)
            await self._store.writer.submit(
                Append(self.definition.key.parked_stream, ANY, (event,))
            )
            self.delivery.to_park.popleft()
            self.delivery.forget(message)
            self._settle([message])

    def _settle(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if message.replayed:
                assert self._replay is not None, "a replayed message belongs to a replay"
                self._replay.settle(message)
            else:
                self._progress.settle(message)

    def _checkpoint_is_due(self) -> bool:
        settings, settled = self.definition.settings, self._progress.settled
        elapsed_ms = (time.monotonic() - self._settled_at_s) * _MS_PER_S
        late = elapsed_ms >= settings.checkpoint_after_ms
        most = settings.min_checkpoint_count if late else settings.max_checkpoint_count
        return settled >= max(1, most)

    async def store_checkpoint(self) -> None:
        """Store how far all is settled, if that is further than what is stored.

        Raises:
            StorageFailed: The database would not take it; more will be repeated after a restart.
            WriteRefused: Too much is waiting, or the store is closing.
        """
        settled_to = self._progress.settled_to
        self._progress.settled, self._settled_at_s = 0, time.monotonic()
        before = self.definition.after if self.checkpoint is None else self.checkpoint
        if settled_to > before:
            await self._store.writer.submit(SettleGroup(*self.definition.key, settled_to))
            self.checkpoint = settled_to
