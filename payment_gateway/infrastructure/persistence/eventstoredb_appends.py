"""Appends over one call that stays open, where esdbclient opens a call for each, which costs more than what is said on it.

``Streams.BatchAppend`` is made for that: any number of writes a call, each answered under an id of its own. Whatever
ends the call ends what is under way on it, with ``AppendsEnded``: it may be stored or not, and may be sent again
another way, since the server knows the events by their ids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID, uuid4

import grpc.aio
from esdbclient import AsyncEventStoreDBClient, NewEvent, StreamState
from esdbclient.protos.Grpc import shared_pb2, streams_pb2

# With more under way on one call, the next append takes a call of its own.
UNDER_WAY_MAX: Final = 1_000
_WORD: Final = 2**64


class AppendsEnded(Exception):
    """The call has ended, or takes no more; what was under way may have been stored."""


class Appends:
    """The open call, made anew when it has ended or the client has connected elsewhere.

    Args:
        client: Connected.
        timeout_s: How long an append may take.
    """

    def __init__(self, client: AsyncEventStoreDBClient, *, timeout_s: float) -> None:
        self._client: Final = client
        self._timeout_s: Final = timeout_s
        self._call: _AppendCall | None = None
        self._ending: list[_AppendCall] = []

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, version: int | StreamState
    ) -> int:
        """Append all events or none, and return the position of the last.

        Raises:
            AppendsEnded: Append again in a call of its own.
            EventStoreDBClientException: The event store's refusal.
            TimeoutError: No answer in time; it may have been appended.
        """
        try:
            call = self._open_call()
        except (
            grpc.aio.UsageError
        ) as error:  # the client has closed its connection, and makes another
            raise AppendsEnded from error
        try:
            async with asyncio.timeout(self._timeout_s):
                return await call.append(stream, events, version, timeout_s=self._timeout_s)
        except TimeoutError:
            call.retire()  # it may be this call's fault
            raise

    async def close(self) -> None:
        """End the call, and with it what is under way."""
        calls, self._call, self._ending = [*self._ending, self._call], None, []
        for call in calls:
            if call is not None:
                call.end()
                await call.over()

    def _open_call(self) -> _AppendCall:
        call = self._call
        if call is not None and not call.is_retired:
            if call.connection is self._client._connection:  # noqa: SLF001 - the version is pinned
                return call
            call.retire()
        self._ending = [one for one in self._ending if not one.is_over]
        if call is not None:
            self._ending.append(call)
        self._call = call = _AppendCall(self._client)
        return call


class _AppendCall:
    """One call, and two tasks: to cancel an append that is under way must not cancel the call that it shares."""

    def __init__(self, client: AsyncEventStoreDBClient) -> None:
        self.connection: Final = client._connection  # noqa: SLF001 - the version is pinned, here and below
        self.is_retired = False
        self._streams: Final = client._connection.streams  # noqa: SLF001
        self._under_way: Final[dict[int, asyncio.Future[streams_pb2.BatchAppendResp]]] = {}
        self._requests: Final[asyncio.Queue[streams_pb2.BatchAppendReq]] = asyncio.Queue()
        self._call: Final = self._streams._stub.BatchAppend(  # noqa: SLF001
            metadata=self._streams._metadata(client._call_metadata, requires_leader=True),  # noqa: SLF001
            credentials=client._call_credentials,  # noqa: SLF001
        )
        self._tasks: Final = [
            asyncio.create_task(one, name="appends") for one in (self._write(), self._read())
        ]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    @property
    def is_over(self) -> bool:
        return all(task.done() for task in self._tasks)

    async def append(
        self,
        stream: str,
        events: Sequence[NewEvent],
        version: int | StreamState,
        *,
        timeout_s: float,
    ) -> int:
        if len(self._under_way) >= UNDER_WAY_MAX:
            raise AppendsEnded
        id_ = uuid4()
        request = self._streams._construct_batch_append_req(  # noqa: SLF001
            stream, version, events, correlation_id=id_, timeout=timeout_s
        )
        answer: asyncio.Future[streams_pb2.BatchAppendResp] = (
            asyncio.get_running_loop().create_future()
        )
        self._under_way[id_.int] = answer
        self._requests.put_nowait(request)
        try:
            response = await answer
        finally:
            self._under_way.pop(id_.int, None)
            if self.is_retired:
                self.retire()
        return self._streams._convert_batch_append_resp(response, stream, version)  # noqa: SLF001

    def retire(self) -> None:
        """End once nothing is under way any more; nothing new is to come."""
        self.is_retired = True
        if not self._under_way:
            self.end()

    def end(self) -> None:
        self.is_retired = True
        for task in self._tasks:
            task.cancel()
        self._call.cancel()

    async def over(self) -> None:
        await asyncio.wait(self._tasks)

    async def _write(self) -> None:
        while True:
            await self._call.write(await self._requests.get())

    async def _read(self) -> None:
        while True:
            response = await self._call.read()
            if response is grpc.aio.EOF:
                return
            answer = self._under_way.get(_number(response.correlation_id))
            if answer is not None and not answer.done():
                answer.set_result(response)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Tell all that is under way, whatever it was that ended one of the tasks."""
        if not task.cancelled():
            task.exception()  # why it ended, a call of its own finds out for each append
        self.end()
        for answer in self._under_way.values():
            if not answer.done():
                answer.set_exception(AppendsEnded())


def _number(id_: shared_pb2.UUID) -> int:
    """Return an id as a number, in whichever form the server sends it."""
    if id_.WhichOneof("value") == "string":
        return UUID(id_.string).int
    high, low = id_.structured.most_significant_bits, id_.structured.least_significant_bits
    return (high % _WORD) * _WORD + low % _WORD
