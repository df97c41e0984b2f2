"""The page of the shop that a payer comes back to: it notes how the payment is said to have ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

from sandbox.demo.steps import StepFailed
from sandbox.ports import LOOPBACK, http_url

PATH = "/thank-you"
REQUEST_BYTES_MAX = 16 * 1024
READ_WITHIN_S = 10.0
BODY = (
    b"<!doctype html><title>Demo shop</title><h1>Thank you</h1><p>The demo shop has your order.</p>"
)
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)


class ShopPage:
    """Remembers the query of each visit, in order."""

    def __init__(self, port: int) -> None:
        self.url = http_url(LOOPBACK, port) + PATH
        self.visits: list[dict[str, str]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close the connection."""
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                head = await reader.readuntil(b"\r\n\r\n")
                target = head.split(b" ", 2)[1].decode("ascii", "replace")
                self.visits.append(dict(parse_qsl(urlsplit(target).query)))
                writer.write(ANSWER)
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # the visitor left
        finally:
            writer.close()


@asynccontextmanager
async def shop_page(port: int) -> AsyncIterator[ShopPage]:
    """Serve the page while the block runs.

    Raises:
        StepFailed: The port, which the tenant's payers may be sent back to, is taken.
    """
    page = ShopPage(port)
    try:
        server = await asyncio.start_server(page.serve, LOOPBACK, port, limit=REQUEST_BYTES_MAX)
    except OSError as error:
        why = f"its port {port} cannot be used ({error.strerror}); take another --data-dir"
        raise StepFailed("The shop opens its page", why) from error
    async with server:
        yield page
