"""A proxy for machines without haproxy.

It looks which processes are ready, and tries another one where a connection is refused. One connection is
one request: what was sent is never sent again.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

from tests.integration.lifecycle.programs import answers_200

LOOK_EVERY_S = 0.5
CHUNK_BYTES = 65_536
HEAD_BYTES_MAX = 65_536


class Spread:
    """Spreads connections over the processes that are ready."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self._ready = list(ports)
        self._turn = 0

    async def look(self) -> None:
        """Ask each process again and again whether it is ready, until cancelled."""
        while True:
            ports = self._ports
            answers = await asyncio.gather(
                *(answers_200(f"http://127.0.0.1:{port}/readyz") for port in ports)
            )
            self._ready = [port for port, ok in zip(ports, answers, strict=True) if ok]
            await asyncio.sleep(LOOK_EVERY_S)

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one request."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            upstream_reader, upstream_writer = await self._connected()
            line, _, rest = head.partition(b"\r\n")
            upstream_writer.write(line + b"\r\nConnection: close\r\n" + rest)
            sending = asyncio.create_task(_copy(reader, upstream_writer))
            await _copy(upstream_reader, writer)
            sending.cancel()
            upstream_writer.close()
        writer.close()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for _ in range(2 * len(self._ports)):
            ready = self._ready or self._ports
            self._turn += 1
            with suppress(ConnectionRefusedError):
                return await asyncio.open_connection("127.0.0.1", ready[self._turn % len(ready)])
        raise ConnectionRefusedError


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()


async def main(port: int, upstreams: list[int]) -> None:
    """Run until stopped."""
    spread = Spread(upstreams)
    server = await asyncio.start_server(spread.relay, "127.0.0.1", port, limit=HEAD_BYTES_MAX)
    async with server:
        await spread.look()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]), [int(one) for one in sys.argv[2:]]))
