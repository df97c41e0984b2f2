"""Kept-alive connections to one server, as many as there are requests under way, up to a limit.

Plain sockets: where the load shares the machine with what is measured, a client library takes more than
its share of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

ANSWER_TIMEOUT_S: Final = 30.0
# The gateway refuses what one key has under way beyond its limit; who would be more waits.
CONNECTIONS_MAX: Final = 60

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class UnexpectedStatus(Exception):
    """An answer had another status than the one wanted; what was measured means nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; names of headers are in lower case."""

    headers: Mapping[str, str]
    body: bytes


class Connections:
    """Asks one server; every answer has a length.

    Args:
        url: Of the server.
        headers: What each request says.
    """

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        self._address: Final = (parts.hostname, parts.port)
        self._headers: Final = {"Host": parts.netloc, **headers}
        self._free: Final[list[Connection]] = []
        self._under_way: Final = asyncio.Semaphore(CONNECTIONS_MAX)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for _, writer in self._free:
            writer.close()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        status: int,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """Send a request and return its answer.

        Raises:
            UnexpectedStatus: It has not the status that is wanted.
            OSError: The connection broke.
            TimeoutError: No answer within ``ANSWER_TIMEOUT_S``.
        """
        said = {**self._headers, **(headers or {}), "Content-Length": str(len(body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
        request = f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body
        async with self._under_way, asyncio.timeout(ANSWER_TIMEOUT_S):
            reader, writer = await self._connection()
            writer.write(request)
            first, *fields = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
            pairs = (field.partition(":") for field in fields)
            answered = {name.lower(): value.strip() for name, _, value in pairs}
            content = await reader.readexactly(int(answered["content-length"]))
            self._free.append((reader, writer))
        if first.split(" ")[1] != str(status):
            raise UnexpectedStatus(f"{first}: {content[:300]!r}")
        return Answer(answered, content)

    async def _connection(self) -> Connection:
        while self._free:
            reader, writer = self._free.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()  # the server had enough of waiting
        host, port = self._address
        return await asyncio.open_connection(host, port)
