"""Runs read models: one worker among as many as there are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from payment_gateway.infrastructure.dependencies import (
    Awaited,
    event_store_answers,
    mongodb_answers,
    wait_for_event_store,
)
from payment_gateway.infrastructure.messaging import fleet_metrics
from payment_gateway.infrastructure.messaging.canary_job import canary_job
from payment_gateway.infrastructure.messaging.fleet import Fleet
from payment_gateway.infrastructure.messaging.unit import Work
from payment_gateway.infrastructure.persistence.eventstoredb import open_eventstoredb
from payment_gateway.infrastructure.persistence.mongodb import open_mongodb
from payment_gateway.settings import Settings
from projections import (
    audit_log,
    daily_stats,
    event_feed,
    order_payments,
    payment_details,
    payment_list,
    provider_health,
)
from projections.overseer import overseers
from projections.read_model import ReadModel
from projections.rebuild_progress import rebuilds
from projections.units import GenerationUnits
from projections.verifications import verification_jobs

READ_MODELS: Final[dict[str, ReadModel]] = {
    model.name: model
    for model in (
        payment_details.MODEL,
        payment_list.MODEL,
        order_payments.MODEL,
        daily_stats.MODEL,
        provider_health.MODEL,
        audit_log.MODEL,
        event_feed.MODEL,
    )
}

Ready = Callable[[], tuple[bool, dict[str, object]]]
"""Whether all read models follow the log live, and where each of them is."""

ServeHealth = Callable[[Ready], Coroutine[Any, Any, None]]
"""Answers health checks until cancelled."""


class UnknownReadModel(Exception):
    """There is no read model of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no read model {name}; there are: {', '.join(READ_MODELS)}")


async def run(
    settings: Settings, names: Sequence[str] = (), *, serve_health: ServeHealth | None = None
) -> None:
    """Keep read models up to date until cancelled, together with all others that do the same.

    Args:
        settings: Where the event store and MongoDB are.
        names: Which read models; all of them if none is named.
        serve_health: Runs beside the read models.

    Raises:
        UnknownReadModel: A name that is not one of ``READ_MODELS``.
    """
    models = select(names)
    await wait_for_event_store(settings)
    async with open_eventstoredb(settings) as log, open_mongodb(settings) as database:
        awaited = Awaited(
            {
                "eventstore": lambda: event_store_answers(log),
                "mongodb": lambda: mongodb_answers(database),
            }
        )
        units = GenerationUnits(models, database)
        canary = canary_job(log, every_s=settings.canary_every_s, now=lambda: datetime.now(UTC))

        async def offered() -> Sequence[Work]:
            return [
                *await units(),
                *await overseers(models, database, log),
                *await verification_jobs(models, database, log),
                canary,
            ]

        fleet = Fleet(offered=offered, log=log, database=database)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(awaited.until_all_answer())
                if serve_health is not None:
                    group.create_task(serve_health(awaited.told_by(fleet.ready)))
                group.create_task(fleet.run())
                group.create_task(
                    fleet_metrics.keep_measuring(
                        fleet_metrics.subscriptions(lambda: fleet.statuses),
                        rebuilds(models, database, log),
                    )
                )
                # Counting may take a while; the other metrics do not wait for it.
                group.create_task(
                    fleet_metrics.keep_measuring(
                        fleet_metrics.events_behind(lambda: fleet.followed, log)
                    )
                )
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
