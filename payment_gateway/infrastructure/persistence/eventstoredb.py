"""All that knows esdbclient, with ``eventstoredb_appends`` and ``eventstoredb_subscription``.

kurrentdbclient succeeds it, with the same calls.

Three habits of the client that this module answers for (esdbclient 1.1.7, ``asyncio_client.py`` and
``streams.py``): it sends an append again by itself, with the same event ids; a task that is cancelled
while it reads sees the read end early instead of a ``CancelledError``; and a call that reconnects cuts
off every other call of the same client, whose reads then end early too.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from typing import Final
from uuid import UUID

import grpc.aio
from esdbclient import AsyncEventStoreDBClient, NewEvent, StreamState, exceptions
from esdbclient import RecordedEvent as ClientEvent
from esdbclient.streams import AsyncReadResponse

from payment_gateway.application.ports import (
    Appended,
    CommandContext,
    EventStoreUnavailable,
    History,
    StreamDestroyed,
    StreamMoved,
)
from payment_gateway.domain.events import DomainEvent
from payment_gateway.infrastructure.persistence.event_log import (
    AHEAD_MAX,
    EventFilter,
    LogItem,
    StreamFilter,
    TypeFilter,
)
from payment_gateway.infrastructure.persistence.eventstoredb_appends import Appends, AppendsEnded
from payment_gateway.infrastructure.persistence.eventstoredb_subscription import LogThread
from payment_gateway.infrastructure.persistence.stored_event import (
    NewRecord,
    StoredEvent,
    new_records,
)
from payment_gateway.settings import Settings
from payment_gateway.telemetry.metrics import (
    EVENT_STORE_CALL_DURATION,
    EVENT_STORE_FAILURES,
    EVENTS_APPENDED,
)
from payment_gateway.telemetry.tracing import SpanKind, span

# A lost connection is tried again at least this often, and noticed within the sum of the other two.
RECONNECT_BACKOFF_MS_MAX: Final = 1_000
KEEPALIVE_EVERY_MS: Final = 10_000
KEEPALIVE_TIMEOUT_MS: Final = 10_000

_SYSTEM: Final = {"db.system.name": "eventstoredb"}
_REFUSALS: Final = (
    exceptions.AccessDeniedError,
    exceptions.BadRequestError,
    exceptions.FailedPrecondition,
    exceptions.InvalidTransactionError,
    exceptions.MaximumAppendSizeExceededError,
)


class EventStoreRefused(Exception):
    """The event store said no: too large, or denied. Nothing was done."""


class EventStoreDB:
    """An ``EventStore`` and ``EventLog`` over EventStoreDB's gRPC protocol.

    Args:
        client: Connected; closed by whoever made it.
        timeout_s: How long an append, a read or the start of a subscription may take.
    """

    def __init__(self, client: AsyncEventStoreDBClient, *, timeout_s: float) -> None:
        self._client: Final = client
        self._timeout_s: Final = timeout_s
        self._appends: Final = Appends(client, timeout_s=timeout_s)

    async def close(self) -> None:
        """End what is kept open; the client is its maker's to close."""
        await self._appends.close()

    async def read(self, stream: str) -> History:
        """Return a stream, empty if it was never written.

        Raises:
            EventStoreUnavailable: No answer, or not all of it; reading again is safe.
            UndecodableEvent: This release cannot read an event in it.
        """
        with _measured("read"), _translated(stream):
            response = await self._client.read_stream(stream, timeout=self._timeout_s)
            try:
                events = tuple([_stored(event).read() for event in await _whole(response)])
            except exceptions.NotFound:
                return History(events=(), revision=None)
            except exceptions.StreamIsDeleted:
                return History(events=(), revision=None, destroyed=True)
        return History(events=events, revision=events[-1].revision if events else None)

    async def append(
        self,
        stream: str,
        events: Sequence[DomainEvent],
        *,
        expected: int | None,
        context: CommandContext,
    ) -> Appended:
        """Append all events or none; ``expected`` is the revision that was decided on.

        Raises:
            StreamMoved: The stream is not at ``expected``.
            StreamDestroyed: It takes nothing any more.
            EventStoreUnavailable: No answer. It may have been appended.
            EventStoreRefused: It will not be appended, however often it is sent.
        """
        assert events, "an append carries at least one event"
        position = await self._append(stream, new_records(events, context), expected)
        first = 0 if expected is None else expected + 1
        return Appended(revision=first + len(events) - 1, position=position)

    async def mark(self, stream: str, event: DomainEvent, context: CommandContext) -> None:
        """Append to a stream wherever it ends.

        Raises:
            EventStoreUnavailable: No answer. It may have been appended.
            EventStoreRefused: It will not be appended, however often it is sent.
        """
        with _translated(stream):
            await self._client.append_to_stream(
                stream,
                current_version=StreamState.ANY,
                events=_proposed(new_records([event], context)),
                timeout=self._timeout_s,
            )

    async def mark_once(
        self, stream: str, event: DomainEvent, context: CommandContext, *, event_id: str
    ) -> None:
        """Append to a stream under an id, unless the stream has an event of that id.

        Raises:
            StreamMoved: Others have appended meanwhile; doing it again is safe.
            EventStoreUnavailable: No answer; doing it again is safe.
            EventStoreRefused: It will not be appended, however often it is sent.
        """
        history = await self.read(stream)
        if any(one.event_id == event_id for one in history.events):
            return
        (record,) = new_records([event], context)
        await self._append(stream, [replace(record, event_id=event_id)], history.revision)

    async def keep_newest(self, stream: str, count: int) -> None:
        """Have only so many of a stream's events kept; the older ones go as the store gets round to it.

        Raises:
            EventStoreUnavailable: No answer. It may have been done.
            EventStoreRefused: It will not be done.
        """
        with _translated(stream):
            await self._client.set_stream_metadata(
                stream,
                metadata={"$maxCount": count},
                current_version=StreamState.ANY,
                timeout=self._timeout_s,
            )

    async def remove(self, stream: str, *, expected: int) -> None:
        """Remove a stream that is still at a revision, so that a later append begins it anew.

        Raises:
            StreamMoved: The stream is not at ``expected``.
            EventStoreUnavailable: No answer; removing it again is safe.
            EventStoreRefused: Access is denied.
        """
        with _translated(stream):
            await self._client.delete_stream(
                stream, current_version=expected, timeout=self._timeout_s
            )

    async def destroy(self, stream: str) -> None:
        """Destroy a stream for good; twice is harmless.

        What it held can no longer be read. A server of EventStoreDB takes it off its disks when it is
        told to scavenge, the embedded store at once.

        Raises:
            EventStoreUnavailable: No answer; destroying it again is safe.
            EventStoreRefused: Access is denied.
        """
        with suppress(StreamDestroyed), _translated(stream):
            await self._client.tombstone_stream(
                stream, current_version=StreamState.ANY, timeout=self._timeout_s
            )

    async def subscribe(
        self,
        matching: EventFilter,
        *,
        after: int,
        types: frozenset[str] | None = None,
        ahead: int = AHEAD_MAX,
    ) -> AsyncGenerator[LogItem, None]:
        """Yield what matches after a position, and go on as events are appended.

        Raises:
            EventStoreUnavailable: The connection is gone. Subscribe again after the last position.
            EventStoreRefused: Access is denied.
        """
        with _translated("$all"):
            async with LogThread(
                self._client,
                matching,
                _pattern(matching),
                after=after,
                types=types,
                ahead=ahead,
                timeout_s=self._timeout_s,
            ) as log:
                while True:
                    for item in await log.next():
                        yield item

    async def head(self) -> int:
        """Return the position of the last event in the log, 0 for an empty one.

        Raises:
            EventStoreUnavailable: No answer.
        """
        with _translated("$all"):
            position = await self._client.get_commit_position(
                filter_exclude=[], timeout=self._timeout_s
            )
            if position:
                return position
            # An empty log, or one of which nothing was read since the call was cut off.
            newest = await self._client.read_all(
                backwards=True, filter_exclude=[], limit=1, timeout=self._timeout_s
            )
            return max((_stored(event).position for event in await _whole(newest)), default=0)

    async def _append(self, stream: str, records: Sequence[NewRecord], expected: int | None) -> int:
        version = StreamState.NO_STREAM if expected is None else expected
        events = _proposed(records)
        with _measured("append"), _translated(stream):
            try:
                position = await self._appends.append(stream, events, version=version)
            except (
                AppendsEnded
            ):  # the client finds out why, connects elsewhere if it must, and sends it again
                position = await self._client.append_to_stream(
                    stream, current_version=version, events=events, timeout=self._timeout_s
                )
        for record in records:
            EVENTS_APPENDED.labels(record.type).inc()
        return position


@asynccontextmanager
async def open_eventstoredb(settings: Settings) -> AsyncGenerator[EventStoreDB, None]:
    """Yield the event store that the settings name.

    Raises:
        EventStoreUnavailable: A cluster in which no node answers. A single node is not called
            before its first use.
        ValueError: The URI is not one of EventStoreDB's.
    """
    client = AsyncEventStoreDBClient(uri=settings.eventstore_uri.get_secret_value())
    client.grpc_options += (
        ("grpc.initial_reconnect_backoff_ms", RECONNECT_BACKOFF_MS_MAX // 10),
        ("grpc.max_reconnect_backoff_ms", RECONNECT_BACKOFF_MS_MAX),
        ("grpc.keepalive_time_ms", KEEPALIVE_EVERY_MS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    )
    with _translated("connect"):
        await client.connect()
    store = EventStoreDB(client, timeout_s=settings.eventstore_timeout_s)
    try:
        yield store
    finally:
        await store.close()
        await client.close()


async def _whole(response: object) -> list[ClientEvent]:
    """Return all that a read yields, or raise: one that is cut off ends as if there were nothing more."""
    assert isinstance(response, AsyncReadResponse), "the client's own read response"
    async with response:
        events = [event async for event in response]
    if await response.aio_call.code() is not grpc.StatusCode.OK:
        raise exceptions.CancelledByClient("the read was cut off")
    return events


@contextmanager
def _translated(what: str) -> Generator[None, None, None]:
    """Let none of the client's exceptions out, and no cancellation but a real one."""
    try:
        yield
    except (exceptions.WrongCurrentVersion, exceptions.NotFound) as error:
        raise StreamMoved(what) from error
    except exceptions.StreamIsDeleted as error:
        raise StreamDestroyed(what) from error
    except _REFUSALS as error:
        raise EventStoreRefused(f"{what}: {type(error).__name__}") from error
    except (
        exceptions.EventStoreDBClientException,
        grpc.aio.UsageError,
        TimeoutError,
        asyncio.CancelledError,
    ) as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from error
        raise EventStoreUnavailable(f"{what}: {type(error).__name__}") from error


@contextmanager
def _measured(call: str) -> Generator[None, None, None]:
    started_s = time.perf_counter()
    try:
        with span(f"eventstore {call}", kind=SpanKind.CLIENT, attributes=_SYSTEM):
            yield
    except (EventStoreUnavailable, EventStoreRefused):
        EVENT_STORE_FAILURES.labels(call).inc()
        raise
    finally:
        EVENT_STORE_CALL_DURATION.labels(call).observe(time.perf_counter() - started_s)


def _proposed(records: Sequence[NewRecord]) -> list[NewEvent]:
    return [
        NewEvent(
            id=UUID(record.event_id), type=record.type, data=record.data, metadata=record.metadata
        )
        for record in records
    ]


def _pattern(matching: EventFilter) -> str:
    """Return one alternative: the client anchors only the outer ends of what it is given."""
    match matching:
        case StreamFilter(pattern):
            return f"(?:{pattern})"
        case TypeFilter(names):
            return f"(?:{'|'.join(re.escape(name) for name in names)})"


def _stored(event: ClientEvent) -> StoredEvent:
    assert event.commit_position is not None, "servers since 22.10 tell an event's position"
    return StoredEvent(
        event_id=str(event.id),
        type=event.type,
        data=event.data,
        metadata=event.metadata,
        stream=event.stream_name,
        revision=event.stream_position,
        position=event.commit_position,
    )
