"""A client that costs little, so that the load generator leaves the machine to what is measured.

Plain sockets, kept alive. Never raises for what the other side does: an answer that did not come is one, too.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

ANSWER_WITHIN_S: Final = 30.0
# Servers close what is idle for five seconds; never send on a connection that is about to be closed.
IDLE_S_MAX: Final = 2.0
HEAD_BYTES_MAX: Final = 64 * 1024
PROBLEM: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: 0 if nothing did.
        code: Of a refusal, or what went wrong with the connection.
        headers: Their names in lower case.
    """

    status: int
    code: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """Return the body, read as JSON."""
        return msgspec.json.decode(self.body)


@dataclass(slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    idle_since_s: float = 0.0


class Http:
    """Sends requests to one server."""

    def __init__(self, url: str, *, within_s: float = ANSWER_WITHIN_S) -> None:
        parts = urlsplit(url)
        assert parts.hostname, "an address of an installation"
        assert parts.port, "an address of an installation"
        self._host, self._port = parts.hostname, parts.port
        self._idle: deque[_Connection] = deque()
        self._within_s = within_s

    async def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        content_type: str = "application/json",
    ) -> Answer:
        """Send one request, once; return what came of it within ``within_s`` seconds."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n{lines}"
        if body:
            head += f"Content-Type: {content_type}\r\n"
        request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        connection = None
        try:
            async with asyncio.timeout(self._within_s):
                connection = await self._connection()
                connection.writer.write(request)
                answer = await _answer(connection.reader)
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError, ValueError) as error:
            if connection is not None:
                connection.writer.close()
            return Answer(0, type(error).__name__)
        self._give_back(connection, answer)
        return answer

    async def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            writer = self._idle.pop().writer
            writer.close()
            with suppress(OSError):  # the other side was quicker
                await writer.wait_closed()

    async def _connection(self) -> _Connection:
        youngest_s = time.monotonic() - IDLE_S_MAX
        while self._idle and self._idle[0].idle_since_s < youngest_s:
            self._idle.popleft().writer.close()
        if self._idle:
            return self._idle.pop()
        return _Connection(
            *await asyncio.open_connection(self._host, self._port, limit=HEAD_BYTES_MAX)
        )

    def _give_back(self, connection: _Connection, answer: Answer) -> None:
        if answer.headers.get("connection", "").lower() == "close":
            connection.writer.close()
        else:
            connection.idle_since_s = time.monotonic()
            self._idle.append(connection)


async def _answer(reader: asyncio.StreamReader) -> Answer:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    status = int(first.split(" ", 2)[1])
    # No server here answers in pieces to what is asked.
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    is_problem = headers.get("content-type") == PROBLEM
    code = str(msgspec.json.decode(body)["code"]) if is_problem else ""
    return Answer(status, code, body, headers)
