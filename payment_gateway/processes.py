"""The kinds of process there are: the API, the reactors, the projection workers."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, Final

import structlog
import uvicorn

from payment_gateway.asgi import application, end_streams
from payment_gateway.infrastructure.logs import configure_logs
from payment_gateway.presentation.health import Ready, serve_health
from payment_gateway.reactors import react
from payment_gateway.settings import Settings
from payment_gateway.telemetry.tracing import configure_tracing
from projections import worker

STOP_WITHIN_S: Final = 35  # longer than a request to a provider takes
BACKLOG: Final = 2048

log = structlog.get_logger()


def serve(settings: Settings, host: str, port: int) -> None:
    """Run the API until SIGTERM or SIGINT; requests under way are answered first."""
    _log_as("api", settings)
    with _traced("api", settings):
        _serve(settings, host, port)


def _serve(settings: Settings, host: str, port: int) -> None:
    app = application(settings)
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
    _Server(config, before_stop=lambda: end_streams(app)).run()


class _Server(uvicorn.Server):
    """A server that says so before it waits for the requests under way; some would never end."""

    def __init__(self, config: uvicorn.Config, *, before_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._before_stop: Final = before_stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, and end when the last request is answered."""
        self._before_stop()
        await super().shutdown(sockets)


def _tls_context(_: uvicorn.Config, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """Return what TLS is spoken with: 1.2 or newer, whatever the system's default is."""
    context = default()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def work(settings: Settings) -> None:
    """Run the reactors until SIGTERM or SIGINT."""
    _log_as("reactors", settings)
    with _traced("reactors", settings):
        asyncio.run(_until_stopped(react(settings, serve_health=_health_server(settings))))


def project(settings: Settings, names: list[str]) -> None:
    """Run the workers of the named read models until SIGTERM or SIGINT."""
    _log_as("projections", settings)
    with _traced("projections", settings):
        asyncio.run(
            _until_stopped(worker.run(settings, names, serve_health=_health_server(settings)))
        )


def _health_server(
    settings: Settings,
) -> Callable[[Ready], Coroutine[Any, Any, None]] | None:
    port = settings.health_port
    if port is None:
        return None
    return lambda ready: serve_health(ready, host=settings.health_host, port=port)


async def _until_stopped(running: Coroutine[Any, Any, None]) -> None:
    """Run until done or told to stop; stopping when told is a good end."""
    task = asyncio.create_task(running)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        log.info("process.stopped")


@contextmanager
def _traced(process: str, settings: Settings) -> Generator[None, None, None]:
    """Record traces in the block where there is somewhere to send them."""
    if settings.otlp_endpoint is None:
        yield
        return
    shutdown = configure_tracing(
        endpoint=str(settings.otlp_endpoint),
        sample_ratio=settings.trace_sample_ratio,
        process=process,
    )
    try:
        yield
    finally:
        shutdown()


def _log_as(process: str, settings: Settings) -> None:
    configure_logs(log_format=settings.log_format, level=settings.log_level, process=process)
