"""Servers within a test: when the test is over, so is every connection that was made to them."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress

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

    It accepts by itself: a server of asyncio leaves a connection open that it has accepted, and not yet handed
    over, when it is closed.

    Args:
        serve: Serves one connection, which is closed behind it. That the other side is gone is no failure.
        host: Where to listen.
        tls: How a connection is secured; in the clear where nothing is said.
        limit: How many bytes of a line or a head are read.
    """
    serving: dict[asyncio.Task[None], socket.socket] = {}

    def accept() -> None:
        with suppress(BlockingIOError, ConnectionError):
            connection, _ = listener.accept()
            connection.setblocking(False)
            task = asyncio.create_task(_served(connection, serve, tls, limit))
            serving[task] = connection
            task.add_done_callback(serving.pop)

    with closing(socket.create_server((host, 0))) as listener:
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        loop.add_reader(listener, accept)
        try:
            yield listener.getsockname()[1]
        finally:
            loop.remove_reader(listener)
            ended = dict(serving)
            for task in ended:
                task.cancel()
            await asyncio.gather(*ended, return_exceptions=True)
            for connection in ended.values():
                connection.close()  # of one that was ended before it began


async def _served(
    connection: socket.socket, serve: Serve, tls: ssl.SSLContext | None, limit: int
) -> None:
    loop = asyncio.get_running_loop()
    with suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
        reader = asyncio.StreamReader(limit, loop)
        made: list[asyncio.StreamWriter] = []
        protocol = asyncio.StreamReaderProtocol(reader, lambda _, writer: made.append(writer), loop)
        await loop.connect_accepted_socket(lambda: protocol, connection, ssl=tls)
        (writer,) = made
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            await writer.wait_closed()
