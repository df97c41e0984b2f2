"""The process that answers requests: the API, the dashboard, the providers' notifications."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import time
from collections.abc import Callable
from types import FrameType
from typing import Final

import structlog
import uvicorn

from payment_gateway.asgi import application, end_streams
from payment_gateway.infrastructure.garbage import keep_what_is_there
from payment_gateway.processes.observed import observed
from payment_gateway.settings import Settings

STOP_WITHIN_S: Final = 35  # longer than a request to a provider takes
SIGNAL_SEEN_WITHIN_S: Final = 0.1
BACKLOG: Final = 2048

log = structlog.get_logger()


def serve(settings: Settings, host: str, port: int) -> None:
    """Run the API until SIGTERM or SIGINT; requests under way are answered first."""
    with observed("api", settings):
        _serve(settings, host, port)


def _serve(settings: Settings, host: str, port: int) -> None:
    app = application(settings)
    keep_what_is_there()
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=STOP_WITHIN_S,
        # Whoever else sends X-Forwarded-For says nothing about where a request came from.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        ssl_certfile=settings.tls_cert_file,
        ssl_keyfile=settings.tls_key_file,
        ssl_context_factory=_tls_context if settings.tls_cert_file else None,
    )
    # uvicorn raises the signal again once it has stopped; being asked to stop is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    _Server(
        config,
        drain=app.state.stopping.drain,
        drain_s=settings.drain_s,
        before_stop=lambda: end_streams(app),
    ).run()


class _Server(uvicorn.Server):
    """A server that says so before it stops: to those who send requests, then to those who wait for events.

    Args:
        config: What it serves, and where.
        drain: Called when it is told to stop.
        drain_s: How long it serves after that; a second signal ends that time.
        before_stop: Called before it waits for the requests under way; some would never end.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        drain: Callable[[], None],
        drain_s: float,
        before_stop: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._drain: Final = drain
        self._drain_s: Final = drain_s
        self._before_stop: Final = before_stop
        self._stops_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain at the first signal, stop at the second."""
        if self._stops_at is None and self.started:
            self._stops_at = time.monotonic() + self._drain_s
            self._drain()
            log.info("process.draining", for_s=self._drain_s)
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Return whether it is time to stop."""
        drained = self._stops_at is not None and time.monotonic() >= self._stops_at
        return await super().on_tick(counter) or drained

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open what is needed, and listen; told to stop before that, do not wait for it."""
        starting = asyncio.create_task(super().startup(sockets))
        while not (starting.done() or self.should_exit):
            await asyncio.wait({starting}, timeout=SIGNAL_SEEN_WITHIN_S)
        if starting.done():
            await starting
        else:
            starting.cancel()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, and end when the last request is answered."""
        self._before_stop()
        began = time.monotonic()
        await super().shutdown(sockets)
        log.info("process.stopped", took_s=round(time.monotonic() - began, 1))


def _tls_context(_: uvicorn.Config, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """Return what TLS is spoken with: 1.2 or newer, whatever the system's default is."""
    context = default()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
