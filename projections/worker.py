"""Runs read models: each follows the log in a subscription of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import structlog
from pymongo.errors import PyMongoError

from payment_gateway.infrastructure.messaging.backoff import delay_s
from payment_gateway.infrastructure.messaging.subscription import Subscription
from payment_gateway.infrastructure.persistence.event_log import EventLog
from payment_gateway.infrastructure.persistence.eventstoredb import open_eventstoredb
from payment_gateway.infrastructure.persistence.mongodb import Database, open_mongodb
from payment_gateway.settings import Settings
from projections import event_feed, payment_details
from projections.document_writer import DocumentWriter
from projections.generations import Generation, install, matching
from projections.read_model import ReadModel

READ_MODELS: Final[dict[str, ReadModel]] = {
    model.name: model
    for model in (
        payment_details.MODEL,
        event_feed.MODEL,
    )
}

Ready = Callable[[], tuple[bool, dict[str, object]]]
"""Whether all read models follow the log live, and where each of them is."""

ServeHealth = Callable[[Ready], Coroutine[Any, Any, None]]
"""Answers health checks until cancelled."""

_log = structlog.get_logger(__name__)


class UnknownReadModel(Exception):
    """There is no read model of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no read model {name}; there are: {', '.join(READ_MODELS)}")


async def run(
    settings: Settings, names: Sequence[str] = (), *, serve_health: ServeHealth | None = None
) -> None:
    """Keep read models up to date until cancelled.

    Args:
        settings: Where the event store and MongoDB are.
        names: Which read models; all of them if none is named.
        serve_health: Runs beside the read models.

    Raises:
        UnknownReadModel: A name that is not one of ``READ_MODELS``.
        LeaseLost: Another worker has taken one of the read models over.
        TooManyParked: A read model fails on so many payments that it must be at fault.
        EventStoreRefused: The event store denies access.
    """
    models = select(names)
    async with open_eventstoredb(settings) as log, open_mongodb(settings) as database:
        subscriptions: list[Subscription] = []
        for model in models:
            subscriptions.extend(await _install(model, log, database))
        try:
            async with asyncio.TaskGroup() as group:
                if serve_health is not None:
                    group.create_task(serve_health(readiness(subscriptions)))
                for subscription in subscriptions:
                    group.create_task(subscription.run())
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None


def select(names: Sequence[str]) -> list[ReadModel]:
    """Return the read models of those names, all of them where none is named.

    Raises:
        UnknownReadModel: A name that is not one of ``READ_MODELS``.
    """
    for name in names:
        if name not in READ_MODELS:
            raise UnknownReadModel(name)
    return [READ_MODELS[name] for name in dict.fromkeys(names or READ_MODELS)]


def subscribe(
    model: ReadModel, generation: Generation, partition: int, log: EventLog, database: Database
) -> Subscription:
    """Return the subscription that keeps one partition of a generation of a read model."""
    return Subscription(
        name=generation.subscription(partition),
        matching=matching(model, generation, partition),
        handler=DocumentWriter(database, model, generation),
        log=log,
        database=database,
    )


def readiness(subscriptions: Sequence[Subscription]) -> Ready:
    """Return what answers whether all of them are live."""

    def ready() -> tuple[bool, dict[str, object]]:
        statuses = [subscription.status for subscription in subscriptions]
        details: dict[str, object] = {status.name: status.as_json() for status in statuses}
        return all(status.is_live for status in statuses), details

    return ready


async def _install(model: ReadModel, log: EventLog, database: Database) -> list[Subscription]:
    """Make the collections and indexes, as soon as MongoDB is there."""
    failures = 0
    while True:
        try:
            generation = await install(database, model)
            await DocumentWriter(database, model, generation).install()
        except PyMongoError as error:
            failures += 1
            _log.warning("projection.not_installed", projection=model.name, error=str(error))
            await asyncio.sleep(delay_s(failures))
        else:
            return [
                subscribe(model, generation, partition, log, database)
                for partition in range(generation.partitions)
            ]
