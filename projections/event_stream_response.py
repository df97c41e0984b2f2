"""A tenant's events as server-sent events, for as long as somebody listens who may."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

import structlog
from fastapi import Response
from fastapi.sse import format_sse_event
from pymongo.errors import PyMongoError
from starlette.types import Receive, Scope, Send

from projections.cursor import encode_place
from projections.event_feed_queries import Place
from projections.feed_reader import Batch, Ending, Reader
from projections.generations import NotBuilt

HEARTBEAT_EVERY_S: Final = 15.0
# How soon a stream ends whose caller may not see it any more.
ACCESS_CHECKED_EVERY_S: Final = 2.0
# A caller who takes nothing for so long is cut off.
SEND_WITHIN_S: Final = 30.0
RECONNECT_AFTER_MS: Final = 1_000

_log = structlog.get_logger(__name__)
_RANDOM: Final = random.SystemRandom()


class EventStreamResponse(Response):
    """Sends what a reader reads.

    Every event has the name ``message``, a cursor as its id, and as data what a page shows of it.
    Others say what else happens: ``reset``, the cursor is gone and what follows begins at the
    beginning; ``reconnect``, come again with the last cursor; ``closed``, do not.

    Args:
        tenant_id: Whose events.
        opened: Admits a reader; what it raises is answered before anything is sent.
        may_read: Whether the caller still may.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        tenant_id: str,
        opened: AbstractAsyncContextManager[Reader],
        may_read: Callable[[], Awaitable[bool]],
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._tenant_id: Final = tenant_id
        self._opened: Final = opened
        self._may_read: Final = may_read

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Send until the caller is gone or there is a reason to end."""
        async with self._opened as reader:
            writing = asyncio.create_task(self._write(reader, send))
            leaving = asyncio.create_task(_until_gone(receive))
            try:
                await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                leaving.cancel()
                writing.cancel()
                await asyncio.gather(leaving, writing, return_exceptions=True)
            failure = None if writing.cancelled() else writing.exception()
            if isinstance(failure, TimeoutError):
                _log.info("feed.reader_stuck", tenant_id=self._tenant_id)
            elif failure is not None:
                raise failure

    async def _write(self, reader: Reader, send: Send) -> None:
        async def put(block: bytes, *, more: bool = True) -> None:
            async with asyncio.timeout(SEND_WITHIN_S):
                await send({"type": "http.response.body", "body": block, "more_body": more})

        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        await put(format_sse_event(retry=RECONNECT_AFTER_MS))
        checked_s = written_s = time.monotonic()
        while True:
            batch = await _next(reader)
            now_s = time.monotonic()
            if now_s - checked_s >= ACCESS_CHECKED_EVERY_S:
                checked_s = now_s
                if not await self._may_read():
                    await put(_event("closed", reason="unauthorized"), more=False)
                    return
            if not isinstance(batch, Batch):
                await put(_event("reconnect", reason=batch), more=False)
                return
            block = self._block(batch, is_due=now_s - written_s >= HEARTBEAT_EVERY_S)
            if block:
                await put(block)
                written_s = time.monotonic()

    def _block(self, batch: Batch, *, is_due: bool) -> bytes:
        """Return what is sent of a batch: with nothing in it, a sign of life where one is due."""
        if batch.reset:
            return _event("reset", reason="cursor_gone")
        if batch.entries:
            return b"".join(entry.block for entry in batch.entries)
        return self._heartbeat(batch.place) if is_due else b""

    def _heartbeat(self, place: Place | None) -> bytes:
        """Return a comment, with the cursor of how far events came that were not wanted."""
        cursor = None if place is None else encode_place(self._tenant_id, place)
        return format_sse_event(comment="heartbeat", id=cursor)


def _event(name: str, *, reason: str) -> bytes:
    """Return an event about the stream; those who come again do not all come at once."""
    retry_ms = int(RECONNECT_AFTER_MS * _RANDOM.uniform(1.0, 3.0)) if name == "reconnect" else None
    return format_sse_event(event=name, data_str=json.dumps({"reason": reason}), retry=retry_ms)


async def _next(reader: Reader) -> Batch | str:
    try:
        found = await reader.next(ACCESS_CHECKED_EVERY_S)
    except (PyMongoError, NotBuilt):
        return "unavailable"
    return found.value if isinstance(found, Ending) else found


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass  # what is left of a body; the server bounds it
