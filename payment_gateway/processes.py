"""The kinds of process there are: the API, the reactors, the projection workers."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import structlog
import uvicorn
from pymongo.errors import PyMongoError

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import QueueUnavailable
from payment_gateway.application.sagas.nightly_reconciliation import JOB, NightlyReconciliation
from payment_gateway.application.sagas.reconciliation import PaymentRef
from payment_gateway.application.sagas.recovery_loop import RecoveryLoop
from payment_gateway.application.sagas.split_loop import SplitLoop
from payment_gateway.application.sagas.webhook_loop import WebhookLoop
from payment_gateway.asgi import application
from payment_gateway.bootstrap import OpenGateway, open_gateway
from payment_gateway.infrastructure.logs import configure_logs
from payment_gateway.infrastructure.messaging import split_queue
from payment_gateway.infrastructure.messaging.backoff import delay_s
from payment_gateway.infrastructure.messaging.daily_lease import MongoDailyLease
from payment_gateway.infrastructure.messaging.recovery_queue import (
    STREAMS,
    SUBSCRIPTION,
    MongoRecoveryQueue,
)
from payment_gateway.infrastructure.messaging.subscription import Subscription
from payment_gateway.infrastructure.persistence.event_log import StreamFilter, TypeFilter
from payment_gateway.infrastructure.persistence.mongodb import Database, open_mongodb
from payment_gateway.infrastructure.webhooks import capture_index
from payment_gateway.infrastructure.webhooks import queue as webhook_queue
from payment_gateway.presentation.health import Ready, serve_health
from payment_gateway.settings import Settings
from projections import worker
from projections.operator_queries import open_or_changed

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
        splits = split_queue.MongoSplitQueue(database)
        split_subscription = Subscription(
            name=split_queue.SUBSCRIPTION,
            matching=StreamFilter(split_queue.STREAMS),
            handler=splits.handle,
            log=opened.event_store,
            database=database,
        )
        webhooks = webhook_queue.MongoWebhookQueue(database)
        captures = capture_index.MongoCaptureIndex(database)
        webhook_subscriptions = _webhook_subscriptions(webhooks, captures, opened, database)
        webhook_age_max = timedelta(seconds=settings.webhook_age_max_s)
        webhook_loop = WebhookLoop(webhooks, captures, opened.gateway, webhook_age_max)
        serve_health_checks = _health_server(settings)
        try:
            async with asyncio.TaskGroup() as group:
                if serve_health_checks is not None:
                    ready = worker.readiness(
                        [subscription, split_subscription, *webhook_subscriptions]
                    )
                    group.create_task(serve_health_checks(ready))
                await _install(queue)
                await _install(splits)
                await _install(webhooks)
                group.create_task(subscription.run())
                group.create_task(RecoveryLoop(queue, opened.gateway).run())
                group.create_task(_nightly(opened.gateway, database, settings).run())
                group.create_task(split_subscription.run())
                group.create_task(SplitLoop(splits, opened.gateway).run())
                for one in webhook_subscriptions:
                    group.create_task(one.run())
                group.create_task(webhook_loop.run())
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None


def _nightly(gateway: Gateway, database: Database, settings: Settings) -> NightlyReconciliation:
    """Return the daily job that compares payments with the providers' books."""

    async def pages(
        provider: str, since: datetime, before: datetime
    ) -> AsyncIterator[Sequence[PaymentRef]]:
        try:
            async for page in open_or_changed(database, provider, since=since, before=before):
                yield page
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error

    return NightlyReconciliation(
        lease=MongoDailyLease(database, JOB),
        pages=pages,
        providers=gateway.provider_health.provider_types,
        hour=settings.reconcile_hour,
        gateway=gateway,
    )


def _webhook_subscriptions(
    webhooks: webhook_queue.MongoWebhookQueue,
    captures: capture_index.MongoCaptureIndex,
    opened: OpenGateway,
    database: Database,
) -> tuple[Subscription, ...]:
    """Return what fills the queue of notifications, and what says whose capture is whose."""
    return (
        Subscription(
            name=webhook_queue.SUBSCRIPTION,
            matching=StreamFilter(webhook_queue.STREAMS),
            handler=webhooks.handle,
            log=opened.event_store,
            database=database,
        ),
        Subscription(
            name=capture_index.SUBSCRIPTION,
            matching=TypeFilter(capture_index.EVENTS),
            handler=captures.handle,
            log=opened.event_store,
            database=database,
        ),
    )


class _Queue(Protocol):
    async def install(self) -> None:
        """Make the index; ``QueueUnavailable`` if it cannot."""


async def _install(queue: _Queue) -> None:
    """Make a queue's index, as soon as MongoDB is there."""
    failures = 0
    while True:
        try:
            await queue.install()
        except QueueUnavailable as error:
            failures += 1
            log.warning("queue.not_installed", queue=type(queue).__name__, error=str(error))
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
