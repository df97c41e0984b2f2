"""The kinds of process there are: the API, the reactors, the projection workers."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog
import uvicorn

from payment_gateway.application.ports import QueueUnavailable
from payment_gateway.application.sagas.recovery_loop import RecoveryLoop
from payment_gateway.asgi import application
from payment_gateway.bootstrap import open_gateway
from payment_gateway.infrastructure.logs import configure_logs
from payment_gateway.infrastructure.messaging.backoff import delay_s
from payment_gateway.infrastructure.messaging.recovery_queue import (
    STREAMS,
    SUBSCRIPTION,
    MongoRecoveryQueue,
)
from payment_gateway.infrastructure.messaging.subscription import Subscription
from payment_gateway.infrastructure.persistence.event_log import StreamFilter
from payment_gateway.infrastructure.persistence.mongodb import open_mongodb
from payment_gateway.presentation.health import Ready, serve_health
from payment_gateway.settings import Settings
from projections import worker

STOP_WITHIN_S: Final = 35  # longer than a request to a provider takes
BACKLOG: Final = 2048

log = structlog.get_logger()


def serve(settings: Settings, host: str, port: int) -> None:
    """Run the API until SIGTERM or SIGINT; requests under way are answered first."""
    _log_as("api", settings)
    config = uvicorn.Config(
        application(settings),
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
    )
    # uvicorn raises the signal again once it has stopped; being asked to stop is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    uvicorn.Server(config).run()


def work(settings: Settings) -> None:
    """Run the reactors until SIGTERM or SIGINT."""
    _log_as("reactors", settings)
    asyncio.run(_until_stopped(_react(settings)))


def project(settings: Settings, names: list[str]) -> None:
    """Run the workers of the named read models until SIGTERM or SIGINT."""
    _log_as("projections", settings)
    asyncio.run(_until_stopped(worker.run(settings, names, serve_health=_health_server(settings))))


async def _react(settings: Settings) -> None:
    async with open_gateway(settings) as opened, open_mongodb(settings) as database:
        queue = MongoRecoveryQueue(database)
        subscription = Subscription(
            name=SUBSCRIPTION,
            matching=StreamFilter(STREAMS),
            handler=queue.handle,
            log=opened.event_store,
            database=database,
        )
        serve_health_checks = _health_server(settings)
        try:
            async with asyncio.TaskGroup() as group:
                if serve_health_checks is not None:
                    group.create_task(serve_health_checks(worker.readiness([subscription])))
                await _install(queue)
                group.create_task(subscription.run())
                group.create_task(RecoveryLoop(queue, opened.gateway).run())
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None


async def _install(queue: MongoRecoveryQueue) -> None:
    """Make the queue's index, as soon as MongoDB is there."""
    failures = 0
    while True:
        try:
            await queue.install()
        except QueueUnavailable as error:
            failures += 1
            log.warning("recovery.not_installed", error=str(error))
            await asyncio.sleep(delay_s(failures))
        else:
            return


def _health_server(
    settings: Settings,
) -> Callable[[Ready], Coroutine[Any, Any, None]] | None:
    port = settings.health_port
    if port is None:
        return None
    return lambda ready: serve_health(ready, port=port)


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


def _log_as(process: str, settings: Settings) -> None:
    configure_logs(log_format=settings.log_format, level=settings.log_level, process=process)
