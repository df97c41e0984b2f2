"""A way to a server that lets nothing through any more once a chosen text is sent to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.listening import listening

CHUNK_BYTES = 65_536


@dataclass
class FrozenProxy:
    """Relays TCP connections.

    Attributes:
        marker: What freezes it; this and all that follows does not arrive.
        frozen: Set once that was met.
    """

    host: str
    port: int
    marker: bytes
    frozen: asyncio.Event = field(default_factory=asyncio.Event)
    address: str = ""

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side closes it."""
        upstream_reader, upstream_writer = await asyncio.open_connection(self.host, self.port)
        backward = asyncio.create_task(self._copy(upstream_reader, writer))
        try:
            await self._copy(reader, upstream_writer, watched=True)
        finally:
            backward.cancel()
            upstream_writer.close()
            with suppress(ConnectionError):
                await upstream_writer.wait_closed()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, watched: bool = False
    ) -> None:
        seen = b""
        with suppress(ConnectionError):
            while chunk := await reader.read(CHUNK_BYTES):
                seen = (seen + chunk)[-CHUNK_BYTES:]
                if watched and self.marker in seen:
                    self.frozen.set()
                if not self.frozen.is_set():
                    writer.write(chunk)
                    await writer.drain()


@asynccontextmanager
async def frozen_proxy(host: str, port: int, *, marker: bytes) -> AsyncGenerator[FrozenProxy, None]:
    """Yield a proxy in front of a server."""
    proxy = FrozenProxy(host, port, marker)
    async with listening(proxy.relay) as own_port:
        proxy.address = f"127.0.0.1:{own_port}"
        yield proxy
