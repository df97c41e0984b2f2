"""Health checks and metrics of processes that serve nothing else: reactors and projection workers."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from payment_gateway.telemetry.metrics import CONTENT_TYPE_LATEST, exposition

Ready = Callable[[], tuple[bool, dict[str, object]]]

STOP_WITHIN_S: Final = 5
CONNECTIONS_MAX: Final = 100

_log = structlog.get_logger(__name__)


def create_health_app(ready: Ready) -> Starlette:
    """Return an app that answers ``/livez`` (it runs), ``/readyz`` (it can do its work: 200 or 503), ``/metrics``."""

    async def livez(_: Request) -> Response:
        return _json(200, {"status": "alive"})

    async def readyz(_: Request) -> Response:
        is_ready, details = ready()
        status = "ready" if is_ready else "not_ready"
        return _json(200 if is_ready else 503, {"status": status, **details})

    async def metrics(_: Request) -> Response:
        return Response(exposition(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)]
    )


async def serve_health(ready: Ready, *, host: str, port: int) -> None:
    """Answer health checks until cancelled.

    Args:
        ready: Whether the process can do its work, and details for whoever looks.
        host: An address of this machine.
        port: 0 for a free one; the log says which it became.

    Raises:
        OSError: The port is taken, or the address is not one of this machine.
    """
    listening = socket.create_server((host, port))
    _log.info("health.listening", host=host, port=listening.getsockname()[1])
    server = _Server(
        uvicorn.Config(
            create_health_app(ready),
            lifespan="off",
            log_config=None,
            access_log=False,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_graceful_shutdown=STOP_WITHIN_S,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        await asyncio.wait({serving}, timeout=2 * STOP_WITHIN_S)
        listening.close()


class _Server(uvicorn.Server):
    """Leaves signals to the process: stopping the health checks is not stopping the work."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _json(status: int, body: dict[str, object]) -> Response:
    return Response(json.dumps(body), status_code=status, media_type="application/json")
