"""The client that loads the gateway tells what came of each request, and never sends one twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from benchmarks.load.http import Http
from tests.listening import listening

Server = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(answer: Server) -> AsyncGenerator[tuple[str, list[bytes]], None]:
    """Serve with raw bytes; yield the address and the heads of the requests that came."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            await answer(heads[-1], writer)

    async with listening(serve) as port:
        yield f"http://127.0.0.1:{port}", heads


async def problem(_: bytes, writer: asyncio.StreamWriter) -> None:
    body = b'{"code": "provider_unavailable"}'
    head = (
        f"HTTP/1.1 503 X\r\nContent-Type: application/problem+json\r\nContent-Length: {len(body)}"
    )
    writer.write(head.encode() + b"\r\n\r\n" + body)


async def silence(_: bytes, writer: asyncio.StreamWriter) -> None:
    await writer.drain()


async def hang_up(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def test_a_refusal_has_its_code_and_the_connection_is_used_again() -> None:
    async with served(problem) as (url, heads):
        http = Http(url)
        answers = [await http.send("GET", "/a"), await http.send("POST", "/b", body=b"{}")]
        await http.close()

    assert [(one.status, one.code) for one in answers] == [(503, "provider_unavailable")] * 2
    assert [head.split(b" ")[:2] for head in heads] == [[b"GET", b"/a"], [b"POST", b"/b"]]


async def test_an_answer_that_does_not_come_in_time_is_none() -> None:
    async with served(silence) as (url, heads):
        answer = await Http(url, within_s=0.2).send("GET", "/")

    assert (answer.status, answer.code) == (0, "TimeoutError")
    assert len(heads) == 1


async def test_a_connection_that_breaks_is_no_answer_and_nothing_is_sent_again() -> None:
    async with served(hang_up) as (url, heads):
        answer = await Http(url).send("POST", "/", body=b"")

    assert answer.status == 0
    assert len(heads) == 1


async def test_nobody_there_is_no_answer() -> None:
    answer = await Http("http://127.0.0.1:9").send("GET", "/")

    assert (answer.status, answer.code) == (0, "ConnectionRefusedError")
