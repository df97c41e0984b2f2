"""Serving a simulator over a socket: one line when it is ready, then until it is asked to end."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox.providers.faults import ABORT_EXTENSION

CONNECTIONS_WAITING_MAX = 2_048
KEEP_ALIVE_S = 30
SHUTDOWN_S = 5


class AddressUnavailable(Exception):
    """The address cannot be listened on: the port is taken, or the host is not this machine's."""


class _AbortableProtocol(HttpToolsProtocol):
    """HTTP that lets the application close the connection instead of answering."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {ABORT_EXTENSION: {"abort": self.transport.abort}}


class _Server(uvicorn.Server):
    """A server that says when it is ready and for which a signal is a normal end."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # The original raises the signal again afterwards, and the process would not exit with 0.
        loop = asyncio.get_running_loop()
        ending = (signal.SIGINT, signal.SIGTERM)
        for number in ending:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in ending:
                loop.remove_signal_handler(number)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address; port 0 takes a free one.

    Raises:
        AddressUnavailable: With one sentence for a person; choose another port or host.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise AddressUnavailable(
            f"cannot listen on {host} port {port}: {error.strerror}"
        ) from error
    return listener


def origin(listener: socket.socket) -> str:
    """Return the HTTP origin of a bound socket."""
    host, port = listener.getsockname()[:2]
    return (
        f"http://[{host}]:{port}" if listener.family == socket.AF_INET6 else f"http://{host}:{port}"
    )


def serve(app: ASGIApp, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM; requests under way get ``SHUTDOWN_S`` seconds to end."""
    config = uvicorn.Config(
        app,
        http=_AbortableProtocol,
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        backlog=CONNECTIONS_WAITING_MAX,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    _Server(config, on_ready).run(sockets=[listener])
