"""Follows the log in a thread of its own, for a third of the processor time that the event loop would take.

``grpc.aio`` wakes the event loop several times for every message. gRPC's reading on a single thread wakes
nobody, and what is read is decoded while other threads wait for MongoDB. esdbclient has it as the
synchronous twin of its client. What has been read is handed over in one go, as much as there is.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from esdbclient import AsyncEventStoreDBClient, EventStoreDBClient, exceptions
from esdbclient.protos.Grpc.streams_pb2 import ReadResp
from esdbclient.streams import CatchupSubscription
from grpc.experimental import ChannelOptions

from payment_gateway.infrastructure.persistence.event_log import (
    AHEAD_MAX,
    CaughtUp,
    Checkpoint,
    EventFilter,
    LogItem,
    StreamFilter,
)
from payment_gateway.infrastructure.persistence.stored_event import StoredEvent

# Events considered, matching or not, between two of the server's checkpoints.
CHECKPOINT_WINDOW: Final = 32
CHECKPOINT_WINDOWS: Final = 1
# So long history gathers before it is handed over, in seconds; news are handed over at once.
GATHERED_FOR_S: Final = 0.005
# A thread ends as soon as its connection is closed; one that still looks for a node is left behind.
STOP_WITHIN_S: Final = 1.0
# gRPC itself reads ahead as far as it thinks that the connection bears, megabytes on a fast one, unless it is told
# not to: then it keeps to HTTP/2's 64 KiB (grpc/impl/channel_arg_names.h).
LITTLE_AHEAD: Final = (("grpc.http2.bdp_probe", 0),)
THREAD: Final = "log"


class LogThread:
    """One catch-up subscription to the log, and the thread that reads it.

    Args:
        client: Tells where the event store is and how to connect; it is not used otherwise.
        matching: The events wanted.
        pattern: The same, as the server's regular expression.
        after: The position of the last item that is not wanted again; 0 for the beginning.
        types: The stored names wanted of what matches; ``None`` for all.
        ahead: When so much has been read and not been taken, reading stops, and then the server.
        timeout_s: How long the subscription may take to begin.
    """

    def __init__(
        self,
        client: AsyncEventStoreDBClient,
        matching: EventFilter,
        pattern: str,
        *,
        after: int,
        types: frozenset[str] | None,
        ahead: int,
        timeout_s: float,
    ) -> None:
        self._twin_of: Final = client
        self._matching: Final = matching
        self._pattern: Final = pattern
        self._after: Final = after
        self._types: Final = types
        self._ahead: Final = ahead
        self._timeout_s: Final = timeout_s
        self._loop: Final = asyncio.get_running_loop()
        self._arrived: Final = asyncio.Event()
        self._ended: Final = asyncio.Event()
        self._items: Final[deque[LogItem]] = deque()
        self._room: Final = threading.Event()
        self._is_history = True
        self._is_told = False
        self._is_stopping = False
        self._client: EventStoreDBClient | None = None
        self._error: Exception | None = None

    async def __aenter__(self) -> Self:
        """Begin.

        Raises:
            EventStoreDBClientException: The subscription cannot begin.
            TimeoutError: It did not begin in time.
        """
        threading.Thread(target=self._run, name=THREAD, daemon=True).start()
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._arrived.wait()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stop()

    async def next(self) -> list[LogItem]:
        """Return what has been read, in order, as soon as there is something.

        Raises:
            EventStoreDBClientException: The subscription was cut off, and all that was read is taken.
        """
        await self._arrived.wait()
        if self._is_history:
            await asyncio.sleep(GATHERED_FOR_S)
        taken = self._taken()
        if self._is_history:
            self._is_history = not any(isinstance(item, CaughtUp) for item in taken)
        return taken

    def _taken(self) -> list[LogItem]:
        self._arrived.clear()
        self._is_told = False  # before the taking, so that what comes meanwhile is told again
        if self._error is not None and not self._items:
            raise self._error
        taken = [self._items.popleft() for _ in range(len(self._items))]
        self._room.set()
        if self._error is not None:
            self._arrived.set()
        return taken

    async def _stop(self) -> None:
        self._is_stopping = True
        self._room.set()
        if self._client is not None:
            self._client.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_WITHIN_S):
                await self._ended.wait()

    def _run(self) -> None:
        try:
            self._client = client = _twin(self._twin_of, self._ahead)
            try:
                if not self._is_stopping:
                    self._read(client)
            finally:
                client.close()
        except Exception as error:  # noqa: BLE001 - it is raised where the items are awaited
            self._error = error
        finally:
            self._tell(self._arrived)
            self._tell(self._ended)

    def _read(self, client: EventStoreDBClient) -> None:
        subscription = client.subscribe_to_all(
            commit_position=self._after or None,
            filter_include=[self._pattern],
            filter_by_stream_name=isinstance(self._matching, StreamFilter),
            include_checkpoints=True,
            include_caught_up=True,
            window_size=CHECKPOINT_WINDOW,
            checkpoint_interval_multiplier=CHECKPOINT_WINDOWS,
        )
        assert isinstance(subscription, CatchupSubscription), "the client's own"
        self._tell(self._arrived)
        # What the server sends, as it is: the client's own events cost a third of reading.
        next_response: Callable[[], ReadResp] = subscription._get_next_read_resp  # noqa: SLF001 - the version is pinned
        while not self._is_stopping:
            try:
                item = _item(next_response(), self._types)
            except StopIteration:
                raise exceptions.CancelledByClient("the subscription was cut off") from None
            if item is not None:
                self._hand_over(item)

    def _hand_over(self, item: LogItem) -> None:
        if len(self._items) >= self._ahead:
            self._room.clear()
            if len(self._items) >= self._ahead and not self._is_stopping:
                self._room.wait()
        self._items.append(item)
        if not self._is_told:
            self._is_told = True
            self._tell(self._arrived)

    def _tell(self, event: asyncio.Event) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(event.set)


def _twin(client: AsyncEventStoreDBClient, ahead: int) -> EventStoreDBClient:
    """Return a synchronous client of the same event store, reading on single threads."""
    twin = EventStoreDBClient(client.connection_spec.uri)
    twin.grpc_options = (
        *client.grpc_options,
        (ChannelOptions.SingleThreadedUnaryStream, 1),
        *(LITTLE_AHEAD if ahead < AHEAD_MAX else ()),
    )
    twin.reconnect(twin.connection_target)  # options count when a channel is made
    return twin


def _item(response: ReadResp, types: frozenset[str] | None) -> LogItem | None:
    kind = response.WhichOneof("content")
    if kind == "event":
        recorded = response.event.event
        return StoredEvent(
            event_id=recorded.id.string,
            type=recorded.metadata["type"],
            data=recorded.data,
            metadata=recorded.custom_metadata,
            stream=recorded.stream_identifier.stream_name.decode(),
            revision=recorded.stream_revision,
            position=response.event.commit_position,
        ).item(types)
    if kind == "caught_up":
        return CaughtUp()
    if kind == "checkpoint":
        return Checkpoint(response.checkpoint.commit_position)
    return None  # what else a server may say tells nothing about how far it has come
