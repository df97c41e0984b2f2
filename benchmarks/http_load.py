"""Sends the same kind of request over kept-alive connections and takes the time of each answer.

Plain sockets: a client library would cost more than what is measured.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

ANSWER_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Load:
    """What came of it: how many answers a second, and the sorted times of all of them in seconds."""

    per_s: float
    times_s: tuple[float, ...]

    def percentile_ms(self, percent: int) -> float:
        """Return the time that so many percent of the answers took at most, in milliseconds."""
        index = min(len(self.times_s) - 1, len(self.times_s) * percent // 100)
        return self.times_s[index] * 1000


class UnexpectedAnswer(Exception):
    """An answer had another status than the one wanted; what was measured means nothing."""


async def post(
    url: str,
    body: Callable[[], bytes],
    *,
    headers: dict[str, str],
    status: int,
    requests: int,
    connections: int,
    headers_of_one: Callable[[], dict[str, str]] = dict,
    pause_s: float = 0.0,
) -> Load:
    """Send ``requests`` in all, over ``connections`` at a time.

    Args:
        url: Where to.
        body: Returns the body of one request.
        headers: What each request says.
        status: What each is to be answered with.
        requests: How many.
        connections: How many are under way at any time.
        headers_of_one: Returns what one request says beside ``headers``.
        pause_s: How long a connection rests before each request; it is in no answer's time.

    Raises:
        UnexpectedAnswer: One was not answered with ``status``.
    """
    started = time.perf_counter()
    each = requests // connections

    def header_lines() -> str:
        said = {**headers, **headers_of_one()}
        return "".join(f"{name}: {value}\r\n" for name, value in said.items())

    parts = await asyncio.gather(
        *(
            _post(url, body, header_lines, status=status, count=each, pause_s=pause_s)
            for _ in range(connections)
        )
    )
    elapsed = time.perf_counter() - started
    times = sorted(taken for part in parts for taken in part)
    return Load(per_s=len(times) / elapsed, times_s=tuple(times))


async def _post(
    url: str,
    body: Callable[[], bytes],
    lines: Callable[[], str],
    *,
    status: int,
    count: int,
    pause_s: float,
) -> list[float]:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    times = []
    try:
        for _ in range(count):
            content = body()
            head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{lines()}"
            head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
            await asyncio.sleep(pause_s)
            started = time.perf_counter()
            writer.write(head.encode() + content)
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                answer = await reader.readuntil(b"\r\n\r\n")
                text = await reader.readexactly(_content_length(answer))
            times.append(time.perf_counter() - started)
            if not answer.startswith(f"HTTP/1.1 {status} ".encode()):
                raise UnexpectedAnswer(f"{answer.splitlines()[0]!r}: {text[:300]!r}")
    finally:
        writer.close()
        await writer.wait_closed()
    return times


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise UnexpectedAnswer(f"no content length in {head!r}")
