"""A way to a provider on which chosen requests get no answer, for as long as a test likes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.listening import listening

CHUNK_BYTES = 65_536


@dataclass
class SilentProxy:
    """Relays HTTP/1.1 connections.

    Attributes:
        silent: Ends of the paths (``/capture``) whose requests get no answer.
        arrives: Whether such a request reaches the provider.
        met: The ends that were met so far.
    """

    target: str
    silent: tuple[str, ...]
    arrives: bool
    met: set[str] = field(default_factory=set)
    url: str = ""

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side closes it."""
        parts = urlsplit(self.target)
        upstream_reader, upstream_writer = await asyncio.open_connection(parts.hostname, parts.port)
        backward = asyncio.create_task(_copy(upstream_reader, writer))
        try:
            await self._forward(reader, upstream_writer, backward)
        finally:
            backward.cancel()
            for one in (writer, upstream_writer):
                one.close()
                with suppress(ConnectionError):
                    await one.wait_closed()

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        upstream: asyncio.StreamWriter,
        backward: asyncio.Task[None],
    ) -> None:
        quiet = False
        with suppress(ConnectionError):
            while chunk := await reader.read(CHUNK_BYTES):
                met = self._met(chunk)
                if met is not None:
                    quiet = True
                    backward.cancel()
                if self.arrives or not quiet:
                    upstream.write(chunk)
                    await upstream.drain()
                if met is not None:
                    self.met.add(met)

    def _met(self, chunk: bytes) -> str | None:
        method, _, rest = chunk.partition(b" ")
        path = rest.partition(b" ")[0].decode("latin-1") if method == b"POST" else ""
        return next((end for end in self.silent if path.endswith(end)), None)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()


@asynccontextmanager
async def silent_proxy(
    target: str, *, silent: tuple[str, ...], arrives: bool
) -> AsyncGenerator[SilentProxy, None]:
    """Yield a proxy in front of a server on this machine."""
    proxy = SilentProxy(target, silent, arrives)
    async with listening(proxy.relay) as port:
        proxy.url = f"http://127.0.0.1:{port}"
        yield proxy
