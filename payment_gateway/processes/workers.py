"""Processes that answer nobody but who asks for their health: they work until they are told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
import uvloop

from payment_gateway.infrastructure.garbage import keep_what_is_there
from payment_gateway.presentation.health import Ready, serve_health
from payment_gateway.processes.observed import observed
from payment_gateway.settings import Settings

HealthServer = Callable[[Ready], Coroutine[Any, Any, None]]

log = structlog.get_logger()


def run_worker(
    process: str,
    settings: Settings,
    running: Callable[[HealthServer | None], Coroutine[Any, Any, None]],
) -> None:
    """Run a worker until SIGTERM or SIGINT.

    Args:
        process: Its name in logs and traces.
        settings: Where its health is told, if anywhere, and all else.
        running: Given what tells its health, works until it is cancelled.
    """
    keep_what_is_there()
    with (
        observed(process, settings),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_until_stopped(running(_health_server(settings))))


def _health_server(settings: Settings) -> HealthServer | None:
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
