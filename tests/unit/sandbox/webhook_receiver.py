"""A merchant's webhook endpoint on this machine, and simulators that are asked what they do."""

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WAIT_S = 15.0
LOOK_EVERY_S = 0.02


@dataclass(frozen=True)
class Received:
    """One request: header names in upper case, and the bytes as they came."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event

    @property
    def told(self) -> str:
        """PayPal's event type, or the status that Pagadito tells."""
        event = self.event
        if event["event_type"] == "TRANSACTION.STATUS.CHANGE":
            return str(event["resource"]["status"])
        return str(event["event_type"])


class Receiver:
    """What has arrived, and how the next requests are answered."""

    def __init__(self) -> None:
        self.url = ""
        self.statuses: list[int] = []
        self._received: list[Received] = []
        self._arrival = threading.Condition()

    def take(self, received: Received) -> int:
        with self._arrival:
            self._received.append(received)
            self._arrival.notify_all()
            return self.statuses.pop(0) if self.statuses else 200

    def all(self) -> list[Received]:
        with self._arrival:
            return list(self._received)

    def wait_for(self, count: int) -> list[Received]:
        """Return what has arrived once it is ``count`` requests or more."""
        with self._arrival:
            enough = self._arrival.wait_for(lambda: len(self._received) >= count, WAIT_S)
            assert enough, f"{len(self._received)} of {count} within {WAIT_S} s"
            return list(self._received)

    async def arrived(self, count: int) -> list[Received]:
        return await asyncio.to_thread(self.wait_for, count)


@contextmanager
def webhook_receiver() -> Iterator[Receiver]:
    """Listen on a free port of this machine."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.upper(): value for name, value in self.headers.items()}
            self.send_response(receiver.take(Received(headers, body)))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- overridden
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(LOOK_EVERY_S,))
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/webhooks"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(WAIT_S)


async def until(look: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if await look():
            return
        await asyncio.sleep(LOOK_EVERY_S)
    raise AssertionError(f"not within {WAIT_S} s")
