"""Follows the log and hands every event to a handler exactly once, for projections and reactors alike.

A batch, what is parked of it and the new checkpoint commit in one MongoDB transaction, under the
worker's lease. So a crash at any point loses nothing and repeats nothing, and of two workers on one
subscription only the later can commit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Final, NoReturn

import structlog
from pymongo.errors import PyMongoError

from payment_gateway.application.ports import EventStoreUnavailable
from payment_gateway.infrastructure.messaging.backoff import delay_s
from payment_gateway.infrastructure.messaging.batches import (
    BATCH_ITEMS_MAX,
    BATCHES_AHEAD,
    NEWS_GATHERED_FOR_S,
    BatchReader,
)
from payment_gateway.infrastructure.messaging.canary import with_canary, with_canary_type
from payment_gateway.infrastructure.messaging.checkpoint import (
    CheckpointMoved,
    Checkpoints,
    Counted,
    Lease,
)
from payment_gateway.infrastructure.messaging.delivery import Batch, Delivery, collect, sort_out
from payment_gateway.infrastructure.messaging.mongodb_faults import (
    is_conflict,
    is_trouble_of_the_server,
)
from payment_gateway.infrastructure.messaging.parking import Parked, Parking, check_limit
from payment_gateway.infrastructure.messaging.subscription_status import (
    SubscriptionState,
    SubscriptionStatus,
)
from payment_gateway.infrastructure.persistence.event_log import (
    AHEAD_MAX,
    EventFilter,
    EventLog,
    RecordedEvent,
)
from payment_gateway.infrastructure.persistence.mongodb import (
    Database,
    Session,
    open_session,
    transaction,
)
from payment_gateway.telemetry.metrics import (
    SUBSCRIPTION_EVENTS,
    SUBSCRIPTION_PARKED,
    SUBSCRIPTION_UNKNOWN,
)
from payment_gateway.telemetry.tracing import following

# Events that do not concern a subscription move its stored checkpoint this often, no oftener.
IDLE_CHECKPOINT_EVERY_S: Final = 1.0
# How often the log's head and the worker's lease are looked at.
LOOK_AROUND_EVERY_S: Final = 5.0
# Handlers may share documents with other writers; losing that often in a row is trouble.
CONFLICTS_MAX: Final = 5
# A transaction that is under way when the worker is stopped may end; its own timeouts are shorter.
STOP_WITHIN_S: Final = 30.0

Handler = Callable[[Sequence[RecordedEvent], Session], Awaitable[None]]
"""Takes events in order; what it writes with the session commits with the checkpoint, or not at all."""

_log = structlog.get_logger(__name__)


class HandlerFailed(Exception):
    """A handler could not take a batch, for a reason that lies in the events or in itself."""


class Subscription:
    """One named subscription, as one worker runs it.

    Args:
        name: Under which its progress is stored; another name starts from the beginning.
        matching: The events wanted; the rest never leave the event store.
        handler: Called with each batch inside the transaction. It may be called again with events
            whose transaction did not commit.
        log: Where events come from.
        database: Where the checkpoint, what is parked, and what the handler writes are kept.
        types: The stored names that the handler wants of what matches, ``None`` for all; the others
            only move the checkpoint.
        rate: How many events a second it may take at most; asked again with every batch.
        gathers_s: How long news gather at least, in seconds: many at once cost little more than one.
    """

    def __init__(
        self,
        *,
        name: str,
        matching: EventFilter,
        handler: Handler,
        log: EventLog,
        database: Database,
        types: frozenset[str] | None = None,
        rate: Callable[[], float | None] = lambda: None,
        gathers_s: float = NEWS_GATHERED_FOR_S,
    ) -> None:
        self.status: Final = SubscriptionStatus(name)
        self._rate: Final = rate
        self._gathers_s: Final = gathers_s
        self._matching: Final = with_canary(matching)
        self._types: Final = with_canary_type(types)
        self._handler: Final = handler
        self._events: Final = log
        self._database: Final = database
        self._checkpoints: Final = Checkpoints(database)
        self._parking: Final = Parking(database, name)
        self._parked_streams: set[str] = set()
        self._unknown_types: set[str] = set()
        self._unknown = 0  # that no commit has counted yet
        self._failures_in_a_row = 0
        self._committed_at_s = 0.0

    async def run(self) -> NoReturn:
        """Take the subscription over from whoever has it, and work until cancelled.

        Raises:
            LeaseLost: Another worker has taken the subscription over.
            TooManyParked: The handler fails on so many streams that it must be at fault.
            EventStoreRefused: The event store denies access.
        """
        async with open_session(self._database) as session:
            while True:
                try:
                    lease = await self._checkpoints.take(self.status.name, session)
                except PyMongoError as error:
                    self._note_failure(error)
                    await asyncio.sleep(delay_s(self._failures_in_a_row))
                else:
                    await self.keep(lease)

    async def keep(self, lease: Lease) -> NoReturn:
        """Work under a lease until cancelled. A lost connection is tried again for as long as it takes.

        Raises:
            LeaseLost: Another worker has taken the subscription over.
            TooManyParked: The handler fails on so many streams that it must be at fault.
            EventStoreRefused: The event store denies access.
        """
        try:
            while True:
                try:
                    await self._parking.install()
                    await self._follow(lease)
                except (EventStoreUnavailable, CheckpointMoved, PyMongoError) as error:
                    self._note_failure(error)
                await asyncio.sleep(delay_s(self._failures_in_a_row))
        finally:
            self.status.state = SubscriptionState.STOPPED

    async def _follow(self, lease: Lease) -> None:
        """Take batch after batch; return when the rate has changed and with it how far to read ahead."""
        status = self.status
        status.position = read = await self._checkpoints.position(lease)
        self._parked_streams = await self._parking.streams()
        self._unknown = 0
        status.state = SubscriptionState.CATCHING_UP
        look_at_s = 0.0
        most = self._most()
        items = self._events.subscribe(
            self._matching,
            after=read,
            types=self._types,
            ahead=min(AHEAD_MAX, BATCHES_AHEAD * most),
        )
        async with BatchReader(items, most=most, gathers_s=self._gathers_s) as reader:
            while self._most() == most:
                if time.monotonic() >= look_at_s:
                    status.head = await self._events.head()
                    await self._checkpoints.position(lease)
                    look_at_s = time.monotonic() + LOOK_AROUND_EVERY_S
                arrived = await reader.next(timeout_s=IDLE_CHECKPOINT_EVERY_S)
                batch = collect(arrived, after=read)
                read = batch.position
                self._note_unknown(batch)
                if batch.records or batch.canary_at or self._is_checkpoint_due(read):
                    await self._deliver(lease, batch)
                    await self._slow_down(len(batch.records))
                if batch.caught_up:
                    status.state = SubscriptionState.LIVE

    def _most(self) -> int:
        """How many items a batch may have: what the rate allows in a second."""
        rate = self._rate()
        return BATCH_ITEMS_MAX if rate is None else max(1, min(BATCH_ITEMS_MAX, int(rate)))

    async def _slow_down(self, events: int) -> None:
        rate = self._rate()
        if rate is not None:
            await asyncio.sleep(events / rate)

    def _is_checkpoint_due(self, read: int) -> bool:
        due_s = self._committed_at_s + IDLE_CHECKPOINT_EVERY_S
        return read > self.status.position and time.monotonic() >= due_s

    def _note_unknown(self, batch: Batch) -> None:
        for name in set(batch.unknown) - self._unknown_types:
            _log.warning("subscription.type_unknown", subscription=self.status.name, type=name)
            self._unknown_types.add(name)
        self._unknown += len(batch.unknown)

    async def _deliver(self, lease: Lease, batch: Batch) -> None:
        delivery = sort_out(
            batch.records,
            self._parked_streams,
            position=batch.position,
            canary_at=batch.canary_at,
        )
        try:
            await self._commit(lease, delivery)
        except HandlerFailed:
            await self._deliver_singly(lease, batch)

    async def _deliver_singly(self, lease: Lease, batch: Batch) -> None:
        """Find out which events the handler fails on, and park those alone."""
        for record in batch.records:
            delivery = sort_out([record], self._parked_streams, position=record.position)
            try:
                await self._commit(lease, delivery)
            except HandlerFailed as error:
                parked = Parked(record, str(error))
                await self._commit(
                    lease, Delivery(events=(), parked=(parked,), position=record.position)
                )

    async def _commit(self, lease: Lease, delivery: Delivery) -> None:
        for attempt in range(1, CONFLICTS_MAX + 1):
            try:
                await _finish(self._transact(lease, delivery))
            except PyMongoError as error:
                if attempt == CONFLICTS_MAX or not is_conflict(error):
                    raise
                await asyncio.sleep(delay_s(attempt))
            else:
                break
        self._note_commit(delivery)

    def _note_commit(self, delivery: Delivery) -> None:
        status = self.status
        status.position = delivery.position
        status.head = max(status.head, delivery.position)
        status.events += len(delivery.events)
        status.unknown += self._unknown
        SUBSCRIPTION_EVENTS.labels(status.name).inc(len(delivery.events))
        SUBSCRIPTION_PARKED.labels(status.name).inc(len(delivery.parked))
        SUBSCRIPTION_UNKNOWN.labels(status.name).inc(self._unknown)
        self._unknown = 0
        status.canary_at = delivery.canary_at or status.canary_at
        status.batches += 1
        status.parked += len(delivery.parked)
        self._failures_in_a_row = 0
        self._committed_at_s = time.monotonic()
        for parked in delivery.parked:
            _log.error(
                "subscription.event_parked",
                subscription=status.name,
                stream=parked.record.stream,
                revision=parked.record.revision,
                position=parked.record.position,
                type=parked.record.type,
                cause=parked.cause,
            )
            self._parked_streams.add(parked.record.stream)
        check_limit(self._parked_streams)

    async def _transact(self, lease: Lease, delivery: Delivery) -> None:
        async with transaction(lease.session):
            # First, so that a worker whose lease is gone does no work in vain.
            counted = Counted(
                events=len(delivery.events), unknown=self._unknown, canary_at=delivery.canary_at
            )
            await self._checkpoints.advance(
                lease, at=self.status.position, to=delivery.position, counted=counted
            )
            if delivery.parked:
                await self._parking.park(delivery.parked, lease.session)
            if delivery.events:
                await self._handle(delivery.events, lease.session)

    async def _handle(self, events: Sequence[RecordedEvent], session: Session) -> None:
        try:
            with following(f"handle {self.status.name}", self._traces(events)):
                await self._handler(events, session)
        except Exception as error:
            if isinstance(error, EventStoreUnavailable) or is_trouble_of_the_server(error):
                raise
            raise HandlerFailed(f"{type(error).__name__}: {error}") from error

    def _traces(self, events: Sequence[RecordedEvent]) -> list[str]:
        """Return the traces that go on here: of news, not of history that is read again."""
        if not self.status.is_live:
            return []
        return [one.context.traceparent for one in events if one.context.traceparent is not None]

    def _note_failure(self, error: Exception) -> None:
        self._failures_in_a_row += 1
        self.status.failures += 1
        self.status.state = SubscriptionState.RECONNECTING
        self.status.last_error = f"{type(error).__name__}: {error}"
        _log.warning(
            "subscription.interrupted",
            subscription=self.status.name,
            failures=self._failures_in_a_row,
            error=self.status.last_error,
        )


async def _finish(work: Coroutine[None, None, None]) -> None:
    """Let a transaction end even when the worker is stopped meanwhile.

    The driver's operations run in threads that a cancellation does not reach; one that is left
    behind could still write after its transaction was given up.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=STOP_WITHIN_S)
        if task.done() and not task.cancelled() and task.exception() is not None:
            _log.warning("subscription.last_transaction_failed", error=repr(task.exception()))
        raise
