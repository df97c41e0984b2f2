"""The reactors: what goes on by itself, each with a queue that a subscription fills and a loop that works it off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any, Final, NoReturn, Protocol

import structlog
from pymongo.errors import PyMongoError

from payment_gateway.application.commands.deliver_webhook import Delivering
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.notifications import NotificationHandler
from payment_gateway.application.ports import QueueUnavailable
from payment_gateway.application.sagas.erasure_loop import ErasureLoop
from payment_gateway.application.sagas.idempotency_loop import IdempotencyLoop
from payment_gateway.application.sagas.nightly_reconciliation import JOB, NightlyReconciliation
from payment_gateway.application.sagas.notification_loop import NotificationLoop
from payment_gateway.application.sagas.reconciliation import PaymentRef
from payment_gateway.application.sagas.recovery_loop import RecoveryLoop
from payment_gateway.application.sagas.split_loop import SplitLoop
from payment_gateway.application.sagas.webhook_delivery_loop import WebhookDeliveryLoop
from payment_gateway.application.sagas.webhook_loop import WebhookLoop
from payment_gateway.bootstrap import OpenGateway, open_gateway
from payment_gateway.infrastructure.dependencies import (
    Awaited,
    event_store_answers,
    mongodb_answers,
    wait_for_event_store,
)
from payment_gateway.infrastructure.messaging import (
    erasure_queue,
    fleet_metrics,
    idempotency_queue,
    recovery_queue,
    split_queue,
)
from payment_gateway.infrastructure.messaging.backoff import delay_s
from payment_gateway.infrastructure.messaging.canary_job import canary_job
from payment_gateway.infrastructure.messaging.daily_lease import MongoDailyLease
from payment_gateway.infrastructure.messaging.fleet import Fleet
from payment_gateway.infrastructure.messaging.unit import Documents, Unit, Work
from payment_gateway.infrastructure.notifications import queue as notification_queue
from payment_gateway.infrastructure.notifications.handlers import configured_handlers, tell
from payment_gateway.infrastructure.persistence.event_log import (
    RecordedEvent,
    StreamFilter,
    TypeFilter,
)
from payment_gateway.infrastructure.persistence.mongodb import (
    Collection,
    Database,
    Document,
    Session,
    open_mongodb,
)
from payment_gateway.infrastructure.webhook_deliveries import queue as delivery_queue
from payment_gateway.infrastructure.webhooks import capture_index
from payment_gateway.infrastructure.webhooks import queue as webhook_queue
from payment_gateway.presentation.health import Ready
from payment_gateway.settings import Settings
from payment_gateway.telemetry import metrics
from projections import payment_details
from projections.generations import NotBuilt, Shown
from projections.operator_queries import count_questions, count_unknown, open_or_changed

# The subscriptions of the reactors are shared by all processes that run them.
GROUP: Final = "reactors"
# They note what is to be done, and nobody waits for that: for several events it is done at once.
GATHERS_S: Final = 0.1

log = structlog.get_logger()


class _Queue(Protocol):
    async def install(self) -> None:
        """Make the index; ``QueueUnavailable`` if it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reactor:
    """One queue, the units that fill what it needs, and the loop over it."""

    queue: _Queue
    units: tuple[Unit, ...]
    run: Callable[[], Coroutine[Any, Any, NoReturn]]


async def react(
    settings: Settings, *, serve_health: Callable[[Ready], Coroutine[Any, Any, None]] | None
) -> None:
    """Run all reactors until cancelled, together with all other processes that do the same.

    Args:
        settings: Where everything is.
        serve_health: Runs beside the reactors.
    """
    await wait_for_event_store(settings)
    async with open_gateway(settings) as opened, open_mongodb(settings) as database:
        awaited = Awaited(
            {
                "eventstore": lambda: event_store_answers(opened.event_store),
                "mongodb": lambda: mongodb_answers(database),
            }
        )
        reactors = _reactors(opened, database, settings)
        units: list[Work] = [
            replace(unit, gathers_s=GATHERS_S) for reactor in reactors for unit in reactor.units
        ]
        store, every_s = opened.event_store, settings.canary_every_s
        units.append(canary_job(store, every_s=every_s, now=opened.gateway.now))

        async def offered() -> Sequence[Work]:
            return units

        fleet = Fleet(offered=offered, log=opened.event_store, database=database)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(awaited.until_all_answer())
                if serve_health is not None:
                    group.create_task(serve_health(awaited.told_by(fleet.ready)))
                for reactor in reactors:
                    await _install(reactor.queue)
                group.create_task(fleet.run())
                group.create_task(_measure(fleet, database, settings))
                # Counting may take a while; the other metrics do not wait for it.
                group.create_task(
                    fleet_metrics.keep_measuring(
                        fleet_metrics.events_behind(lambda: fleet.followed, opened.event_store)
                    )
                )
                for reactor in reactors:
                    group.create_task(reactor.run())
                group.create_task(_nightly(opened.gateway, database, settings).run())
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None


async def _measure(fleet: Fleet, database: Database, settings: Settings) -> NoReturn:
    """Keep the metrics of what waits, and of the payments that a person should know of."""
    waiting = {
        "recovery": database[recovery_queue.COLLECTION],
        "split": database[split_queue.COLLECTION],
        "webhook": database[webhook_queue.COLLECTION],
        "idempotency": database[idempotency_queue.COLLECTION],
        "erasure": database[erasure_queue.COLLECTION],
        "delivery": database[delivery_queue.DELIVERIES],
        **{
            f"notify-{handler.name}": database[notification_queue.collection_name(handler.name)]
            for handler in configured_handlers(settings)
        },
    }
    shown = Shown(database)

    async def payments() -> None:
        try:
            collection = await shown.collection(payment_details.MODEL)
        except NotBuilt:
            return
        metrics.QUESTIONS.set(await count_questions(collection))
        metrics.UNKNOWN_PAYMENTS.set(await count_unknown(collection))

    await fleet_metrics.keep_measuring(
        fleet_metrics.subscriptions(lambda: fleet.statuses),
        fleet_metrics.queues(waiting),
        fleet_metrics.dead_letters(database),
        payments,
    )


def reactor_units(opened: OpenGateway, database: Database, settings: Settings) -> list[Unit]:
    """Return what the reactors' processes share, for those who look into what is parked."""
    return [unit for reactor in _reactors(opened, database, settings) for unit in reactor.units]


def _reactors(opened: OpenGateway, database: Database, settings: Settings) -> tuple[_Reactor, ...]:
    return (
        _recovery(opened, database),
        _splits(opened, database),
        _webhooks(opened, database, settings),
        _idempotency(opened, database, settings),
        _erasures(opened, database),
        _webhook_deliveries(opened, database),
        *(
            _notification(handler, opened, database, settings)
            for handler in configured_handlers(settings)
        ),
    )


def _documents(collection: Collection) -> Documents:
    """Return how to find what a reactor keeps of a stream: by its name, or the id that it ends with."""

    async def find(events: Sequence[RecordedEvent], session: Session) -> dict[str, Document | None]:
        streams = {event.stream for event in events}
        ids = streams | {stream.partition("-")[2] for stream in streams}
        cursor = collection.find({"_id": {"$in": sorted(ids)}}, session=session)
        return {f"{collection.name}/{found['_id']}": found async for found in cursor}

    return find


def _recovery(opened: OpenGateway, database: Database) -> _Reactor:
    queue = recovery_queue.MongoRecoveryQueue(database)
    fill = Unit(
        name=recovery_queue.SUBSCRIPTION,
        group=GROUP,
        matching=StreamFilter(recovery_queue.STREAMS),
        handler=queue.handle,
        documents=_documents(database[recovery_queue.COLLECTION]),
    )
    return _Reactor(queue=queue, units=(fill,), run=RecoveryLoop(queue, opened.gateway).run)


def _splits(opened: OpenGateway, database: Database) -> _Reactor:
    queue = split_queue.MongoSplitQueue(database)
    fill = Unit(
        name=split_queue.SUBSCRIPTION,
        group=GROUP,
        matching=StreamFilter(split_queue.STREAMS),
        handler=queue.handle,
        documents=_documents(database[split_queue.COLLECTION]),
    )
    return _Reactor(queue=queue, units=(fill,), run=SplitLoop(queue, opened.gateway).run)


def _webhooks(opened: OpenGateway, database: Database, settings: Settings) -> _Reactor:
    queue = webhook_queue.MongoWebhookQueue(database)
    captures = capture_index.MongoCaptureIndex(database)
    fill = Unit(
        name=webhook_queue.SUBSCRIPTION,
        group=GROUP,
        matching=StreamFilter(webhook_queue.STREAMS),
        handler=queue.handle,
        documents=_documents(database[webhook_queue.COLLECTION]),
    )
    # Says whose capture is whose, for notifications that name nothing else.
    index = Unit(
        name=capture_index.SUBSCRIPTION,
        group=GROUP,
        matching=TypeFilter(capture_index.EVENTS),
        handler=captures.handle,
    )
    age_max = timedelta(seconds=settings.webhook_age_max_s)
    loop = WebhookLoop(queue, captures, opened.gateway, age_max)
    return _Reactor(queue=queue, units=(fill, index), run=loop.run)


def _idempotency(opened: OpenGateway, database: Database, settings: Settings) -> _Reactor:
    keep = timedelta(seconds=settings.idempotency_keep_s)
    queue = idempotency_queue.MongoIdempotencyQueue(database, keep=keep)
    fill = Unit(
        name=idempotency_queue.SUBSCRIPTION,
        group=GROUP,
        matching=StreamFilter(idempotency_queue.STREAMS),
        handler=queue.handle,
    )
    loop = IdempotencyLoop(queue=queue, streams=opened.event_store, now=opened.gateway.now)
    return _Reactor(queue=queue, units=(fill,), run=loop.run)


def _erasures(opened: OpenGateway, database: Database) -> _Reactor:
    queue = erasure_queue.MongoErasureQueue(database)
    fill = Unit(
        name=erasure_queue.SUBSCRIPTION,
        group=GROUP,
        matching=StreamFilter(erasure_queue.STREAMS),
        handler=queue.handle,
        documents=_documents(database[erasure_queue.COLLECTION]),
    )
    gateway = opened.gateway
    loop = ErasureLoop(queue=queue, subjects=gateway.subjects, now=gateway.now)
    return _Reactor(queue=queue, units=(fill,), run=loop.run)


def _webhook_deliveries(opened: OpenGateway, database: Database) -> _Reactor:
    queue = delivery_queue.MongoWebhookDeliveryQueue(database)
    fill = Unit(
        name=delivery_queue.SUBSCRIPTION,
        group=GROUP,
        matching=StreamFilter(delivery_queue.STREAMS),
        handler=queue.handle,
        documents=_documents(database[delivery_queue.DELIVERIES]),
    )
    by = Delivering(queue=queue, random=SystemRandom().random)
    loop = WebhookDeliveryLoop(opened.gateway, by)
    return _Reactor(queue=queue, units=(fill,), run=loop.run)


def _notification(
    handler: NotificationHandler, opened: OpenGateway, database: Database, settings: Settings
) -> _Reactor:
    gateway = opened.gateway
    queue = notification_queue.MongoNotificationQueue(
        database, handler.name, settings.notify_types, now=gateway.now
    )
    fill = Unit(
        name=queue.subscription,
        group=GROUP,
        matching=StreamFilter(notification_queue.STREAMS),
        handler=queue.handle,
    )
    loop = NotificationLoop(handler, queue, tell, gateway)
    return _Reactor(queue=queue, units=(fill,), run=loop.run)


def _nightly(gateway: Gateway, database: Database, settings: Settings) -> NightlyReconciliation:
    """Return the daily job that compares payments with the providers' books."""

    async def pages(
        provider: str, since: datetime, before: datetime
    ) -> AsyncIterator[Sequence[PaymentRef]]:
        try:
            collection = await Shown(database).collection(payment_details.MODEL)
            async for page in open_or_changed(collection, provider, since=since, before=before):
                yield page
        except (PyMongoError, NotBuilt) as error:
            raise QueueUnavailable(type(error).__name__) from error

    return NightlyReconciliation(
        lease=MongoDailyLease(database, JOB),
        pages=pages,
        providers=gateway.provider_health.provider_types,
        hour=settings.reconcile_hour,
        gateway=gateway,
    )


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
