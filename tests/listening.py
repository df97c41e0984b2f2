"""Servers within a test: when the test is over, so is every connection that was made to them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(
    serve: Serve,
    *,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
    limit: int = 65_536,
) -> AsyncGenerator[int, None]:
    """Yield the port on which each connection is served; at the end, those that still are, are ended.

    Args:
        serve: Serves one connection, which is closed behind it. That the other side is gone is no failure.
        host: Where to listen.
        tls: How a connection is secured; in the clear where nothing is said.
        limit: How many bytes of a line or a head are read.
    """
    serving: set[asyncio.Task[None]] = set()
    is_over = False

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a server runs in tasks"
        serving.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await serve(reader, writer)
        except asyncio.CancelledError:
            if not is_over:
                raise
        finally:
            serving.discard(task)
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    server = await asyncio.start_server(connected, host, 0, ssl=tls, limit=limit)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        is_over = True
        for task in list(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
