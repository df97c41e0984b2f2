"""How the subscriptions of a worker do, and what waits, as metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NoReturn

import structlog
from pymongo.errors import PyMongoError

from payment_gateway.application.ports import EventStoreUnavailable
from payment_gateway.infrastructure.messaging import parking
from payment_gateway.infrastructure.messaging.events_behind import EventsBehind
from payment_gateway.infrastructure.messaging.log_reading import LogNotRead
from payment_gateway.infrastructure.messaging.subscription_status import SubscriptionStatus
from payment_gateway.infrastructure.messaging.unit import Unit
from payment_gateway.infrastructure.persistence.event_log import EventLog
from payment_gateway.infrastructure.persistence.mongodb import Collection, Database
from payment_gateway.telemetry import metrics

MEASURED_EVERY_S: Final = 5.0
_TIMEOUT_MS: Final = 2_000

_log = structlog.get_logger(__name__)

Measure = Callable[[], Awaitable[None]]


async def keep_measuring(*measures: Measure) -> NoReturn:
    """Renew metrics that nobody sets by the way, until cancelled; one that fails is left as it was."""
    while True:
        for measure in measures:
            try:
                await measure()
            except (EventStoreUnavailable, LogNotRead, PyMongoError) as error:
                _log.debug("metrics.not_measured", error=type(error).__name__)
        await asyncio.sleep(MEASURED_EVERY_S)


def subscriptions(statuses: Callable[[], Sequence[SubscriptionStatus]]) -> Measure:
    """Return what measures the subscriptions that a worker holds; of others it says nothing."""
    gauges = (
        metrics.SUBSCRIPTION_LIVE,
        metrics.SUBSCRIPTION_LAG_POSITIONS,
        metrics.SUBSCRIPTION_FAILURES,
    )

    async def measure() -> None:
        for gauge in gauges:
            gauge.clear()
        for status in statuses():
            metrics.SUBSCRIPTION_LIVE.labels(status.name).set(status.is_live)
            metrics.SUBSCRIPTION_LAG_POSITIONS.labels(status.name).set(status.lag)
            metrics.SUBSCRIPTION_FAILURES.labels(status.name).set(status.failures)

    return measure


def events_behind(
    followed: Callable[[], Sequence[tuple[Unit, SubscriptionStatus]]], log: EventLog
) -> Measure:
    """Return what measures how many events the subscriptions of a worker have still to take.

    One that has come to where the log ended at the measurement before has none that is old; it costs no
    more than to ask for that end, and so does a fleet that is well. Of the others events are counted, as
    far as ``EventsBehind`` counts them: through a reader of its own, so that one that is frozen shows.
    """
    counted = EventsBehind(log)
    ended_at: int | None = None

    async def measure() -> None:
        nonlocal ended_at
        measured: dict[str, int] = {}
        for unit, status in followed() if ended_at is not None else ():
            is_there = status.position >= (ended_at or 0)
            measured[unit.name] = 0 if is_there else await behind(unit, status)
        metrics.SUBSCRIPTION_LAG_EVENTS.clear()
        for name, events in measured.items():
            metrics.SUBSCRIPTION_LAG_EVENTS.labels(name).set(events)
        ended_at = await log.head()

    async def behind(unit: Unit, status: SubscriptionStatus) -> int:
        found = await counted.of(unit.name, unit.matching, after=status.position, types=unit.types)
        return found.events

    return measure


def queues(named: Mapping[str, Collection]) -> Measure:
    """Return what measures queues of things with a ``dueAt``; every process of a kind says the same."""

    async def measure() -> None:
        for name, collection in named.items():
            now = datetime.now(UTC)
            due = {"dueAt": {"$lte": now}}
            depth = await collection.count_documents(
                {"dueAt": {"$exists": True}}, maxTimeMS=_TIMEOUT_MS
            )
            metrics.QUEUE_DEPTH.labels(name).set(depth)
            metrics.QUEUE_DUE.labels(name).set(
                await collection.count_documents(due, maxTimeMS=_TIMEOUT_MS)
            )
            oldest = await collection.find_one(due, {"dueAt": 1}, sort=[("dueAt", 1)])
            age_s = (now - oldest["dueAt"]).total_seconds() if oldest else 0.0
            metrics.QUEUE_OLDEST_DUE_SECONDS.labels(name).set(age_s)

    return measure


def dead_letters(database: Database) -> Measure:
    """Return what measures the parked events of all subscriptions."""

    async def measure() -> None:
        found = database[parking.COLLECTION].aggregate(
            [
                {
                    "$group": {
                        "_id": "$subscription",
                        "events": {"$sum": 1},
                        "oldest": {"$min": "$parkedAt"},
                    }
                }
            ],
            maxTimeMS=_TIMEOUT_MS,
        )
        rows = await found.to_list(None)
        now = datetime.now(UTC)
        metrics.DEAD_LETTERS.clear()
        metrics.DEAD_LETTERS_OLDEST_SECONDS.clear()
        for row in rows:
            metrics.DEAD_LETTERS.labels(row["_id"]).set(row["events"])
            age_s = (now - row["oldest"]).total_seconds()
            metrics.DEAD_LETTERS_OLDEST_SECONDS.labels(row["_id"]).set(age_s)

    return measure
