"""A tenant's server on this machine: takes requests, keeps them, and answers as it is told."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.listening import listening

WAIT_S = 30.0


@dataclass(frozen=True)
class Taken:
    """One request; names of headers in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """How a request is answered: the head after so long, then the body piece by piece."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    after_s: float = 0.0
    between_s: float = 0.0


class HttpReceiver:
    """What has arrived, and how the next requests are answered."""

    def __init__(self) -> None:
        self.url = ""
        self.taken: list[Taken] = []
        self.replies: list[Reply] = []
        self.always = Reply()
        self.under_way = 0
        self.most_under_way = 0
        self.body_sent = 0
        self.closing = asyncio.Event()
        self._arrived = asyncio.Condition()

    async def wait_for(
        self, count: int, *, of: Callable[[Taken], bool] = lambda _: True
    ) -> list[Taken]:
        """Return the requests that count once there are so many of them."""
        async with asyncio.timeout(WAIT_S), self._arrived:
            await self._arrived.wait_for(lambda: sum(map(of, self.taken)) >= count)
        return [one for one in self.taken if of(one)]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        reply = self.replies.pop(0) if self.replies else self.always
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            async with self._arrived:
                self.taken.append(Taken(first.split(" ")[1], headers, body))
                self._arrived.notify_all()
            await self._pause(reply.after_s)
            await self._answer(reply, writer)
        finally:
            self.under_way -= 1

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.closing.wait(), seconds)

    async def _answer(self, reply: Reply, writer: asyncio.StreamWriter) -> None:
        head = {"Content-Length": str(len(reply.body)), "Connection": "close", **reply.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        writer.write(f"HTTP/1.1 {reply.status} Told\r\n{lines}\r\n".encode())
        step = 1 if reply.between_s else 65_536
        for start in range(0, len(reply.body), step):
            writer.write(reply.body[start : start + step])
            await writer.drain()
            self.body_sent += step
            await self._pause(reply.between_s)
        await writer.drain()


@asynccontextmanager
async def http_receiver(
    tls: ssl.SSLContext | None = None, *, host: str = "127.0.0.1"
) -> AsyncGenerator[HttpReceiver, None]:
    """Listen on a free port of this machine."""
    receiver = HttpReceiver()
    shown = f"[{host}]" if ":" in host else host
    async with listening(receiver.serve, host=host, tls=tls) as port:
        receiver.url = f"{'https' if tls else 'http'}://{shown}:{port}/hooks"
        yield receiver
        receiver.closing.set()
