"""What ``doctor`` asks beyond whether a server answers; each returns what is not well, or nothing."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from payment_gateway.application.ports import EventStoreUnavailable
from payment_gateway.infrastructure.messaging import parking
from payment_gateway.infrastructure.messaging.canary import AGE_S_MAX
from payment_gateway.infrastructure.persistence.eventstoredb import open_eventstoredb
from payment_gateway.infrastructure.persistence.mongodb import Database, Document, open_mongodb
from payment_gateway.settings import Settings
from projections.log_reading import LogNotRead
from projections.registry import all_registered
from projections.status import GenerationStatus, status_of_all
from projections.worker import READ_MODELS

# The oldest server that the gateway is tried against.
MONGODB_VERSION_MIN: Final = (6, 0)
# Beyond this, lags, leases of commands and the ages of signatures are judged wrongly.
CLOCK_SKEW_MAX: Final = timedelta(seconds=5)
DISK_FREE_BYTES_MIN: Final = 1 << 30
DISK_FREE_SHARE_MIN: Final = 0.05


def server_problem(hello: Document, version: str) -> str | None:
    """Return what is wrong with a MongoDB server: what it is, and how old it is."""
    # Transactions need one of these two. Source: MongoDB manual, "Transactions".
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        return "it is a standalone server, on which transactions do not work"
    if "setName" in hello and "primary" not in hello:
        return f"the replica set {hello['setName']} has no primary"
    if tuple(int(part) for part in version.split(".")[:2]) < MONGODB_VERSION_MIN:
        wanted = ".".join(str(part) for part in MONGODB_VERSION_MIN)
        return f"it is version {version}, and {wanted} or newer is needed"
    return None


async def clock(settings: Settings) -> str | None:
    """Compare this machine's clock with MongoDB's."""
    async with open_mongodb(settings) as database:
        before = datetime.now(UTC)
        hello = await database.command("hello")
        after = datetime.now(UTC)
    theirs: datetime = hello["localTime"].replace(tzinfo=UTC)  # commands answer in UTC, unsaid
    return skew_problem(theirs, before=before, after=after)


def skew_problem(theirs: datetime, *, before: datetime, after: datetime) -> str | None:
    """Return how far a server's clock is away, told at some moment between two of this machine's."""
    ahead = max(theirs - after, before - theirs)
    if ahead <= CLOCK_SKEW_MAX:
        return None
    side = "ahead of" if theirs > after else "behind"
    return f"MongoDB's clock is {ahead.total_seconds():.0f} s {side} this machine's"


async def read_models(settings: Settings) -> str | None:
    """Look at what is shown: built, kept by a worker, close behind the log.

    Of an installation in which nothing was ever built nothing is told: its workers did not run yet.
    """
    async with open_mongodb(settings) as database, open_eventstoredb(settings) as log:
        if not await all_registered(database):
            return None
        try:
            statuses = await status_of_all(database, log, READ_MODELS)
        except (EventStoreUnavailable, LogNotRead):
            return "the event store does not answer, so nobody knows how far behind they are"
    return models_problem(statuses)


def models_problem(statuses: list[GenerationStatus]) -> str | None:
    """Return what is not well with the read models that are shown, each in a few words."""
    problems: list[str] = []
    shown: set[str] = set()
    for one in statuses:
        name = one.generation.model
        if one.state == "failed":
            problems.append(f"the rebuild of {name} failed its verification")
        ours = name in READ_MODELS and READ_MODELS[name].version == one.generation.version
        if one.state != "active" or not ours:
            continue
        shown.add(name)
        if one.is_paused:
            problems.append(f"{name} is paused")
        elif any(part.holder is None for part in one.partitions):
            problems.append(f"no worker keeps {name}")
        elif one.lag_s is not None and one.lag_s > AGE_S_MAX:
            problems.append(f"{name} is {one.lag_s:.0f} s behind")
    problems += [
        f"{name} is not built for this release" for name in READ_MODELS if name not in shown
    ]
    return ", ".join(problems) or None


async def dead_letters(settings: Settings) -> str | None:
    """Count what is parked."""
    async with open_mongodb(settings) as database:
        count = await _parked(database)
    return f"{count} events are parked" if count else None


async def _parked(database: Database) -> int:
    return await database[parking.COLLECTION].count_documents({"discardedAt": {"$exists": False}})


async def disk(settings: Settings) -> str | None:
    """Look at the disk that the installation's folder is on, where it has one."""
    if settings.data_dir is None:
        return None
    return await asyncio.to_thread(_disk_of, settings.data_dir)


def _disk_of(folder: Path) -> str | None:
    """Return what is wrong with the disk of a folder that need not be there yet."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return disk_problem(folder, free=usage.free, total=usage.total)


def disk_problem(folder: Path, *, free: int, total: int) -> str | None:
    """Return how little is free, in bytes, where it is too little."""
    if free >= DISK_FREE_BYTES_MIN and free >= total * DISK_FREE_SHARE_MIN:
        return None
    return f"{free / (1 << 20):,.0f} MiB are free on the disk of {folder}"
