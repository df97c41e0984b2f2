"""What ``doctor`` asks beyond whether a server answers; each returns what is not well, or nothing."""

from __future__ import annotations

import asyncio
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from payment_gateway.application.ports import EventStoreUnavailable
from payment_gateway.doctor_finding import Told
from payment_gateway.infrastructure.cache import open_cache
from payment_gateway.infrastructure.messaging import parking
from payment_gateway.infrastructure.messaging.canary import AGE_S_MAX
from payment_gateway.infrastructure.messaging.log_reading import LogNotRead
from payment_gateway.infrastructure.persistence.event_store_node import node_info
from payment_gateway.infrastructure.persistence.eventstoredb import open_eventstoredb
from payment_gateway.infrastructure.persistence.mongodb import Document, open_mongodb
from payment_gateway.settings import Settings
from projections.registry import all_registered
from projections.status import GenerationStatus, status_of_all
from projections.worker import READ_MODELS

# The oldest server that the gateway is tried against.
MONGODB_VERSION_MIN: Final = (6, 0)
# Read models follow ``$all`` with filters by the server. Source: EventStoreDB 20.6 release notes.
EVENTSTOREDB_VERSION_MIN: Final = (20, 6)
# The client speaks RESP3. Source: Redis documentation, ``HELLO``, "Available since: 6.0.0".
REDIS_VERSION_MIN: Final = (6, 0)
# Beyond this, lags, leases of commands and the ages of signatures are judged wrongly.
CLOCK_SKEW_MAX: Final = timedelta(seconds=5)
# A node of EventStoreDB tells whole seconds.
CUT_OFF_BY: Final = timedelta(seconds=1)
DISK_FREE_BYTES_MIN: Final = 1 << 30
DISK_FREE_SHARE_MIN: Final = 0.05


async def event_store(settings: Settings) -> Told:
    """Ask the event store where its log ends, and a node for its version; one that tells none is well too."""
    uri = settings.eventstore_uri.get_secret_value()
    try:
        async with open_eventstoredb(settings) as store:
            await store.head()
        version = (await node_info(uri)).version
    except (EventStoreUnavailable, ValueError) as error:
        return Told(problem=f"no answer ({type(error).__name__})")
    return Told(
        problem=old_version(version, EVENTSTOREDB_VERSION_MIN) if version else None,
        detail=f"version {version}" if version else "",
    )


async def mongodb(settings: Settings) -> Told:
    """Ask MongoDB what it is and how old."""
    try:
        async with open_mongodb(settings) as database:
            hello = await database.command("hello")
            version = str((await database.command("buildInfo"))["version"])
    except PyMongoError as error:
        return Told(problem=f"no answer ({type(error).__name__})")
    return Told(problem=server_problem(hello, version), detail=f"version {version}")


def server_problem(hello: Document, version: str) -> str | None:
    """Return what is wrong with a MongoDB server: what it is, and how old it is."""
    # Transactions need one of these two. Source: MongoDB manual, "Transactions".
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        return "it is a standalone server, on which transactions do not work"
    if "setName" in hello and "primary" not in hello:
        return f"the replica set {hello['setName']} has no primary"
    return old_version(version, MONGODB_VERSION_MIN)


async def redis(settings: Settings) -> Told:
    """Ask Redis, where one is named, what it is and how old."""
    async with open_cache(settings) as cache:
        if cache is None:
            return Told(detail="none is named")
        try:
            server = await cache.info("server")
        except (RedisError, OSError) as error:
            return Told(problem=f"no answer ({type(error).__name__})")
    # Valkey tells the version of Redis that it is compatible with, beside its own.
    own = server.get("valkey_version")
    compatible = str(server["redis_version"])
    return Told(
        problem=old_version(compatible, REDIS_VERSION_MIN),
        detail=f"Valkey {own}" if own else f"Redis {compatible}",
    )


def old_version(version: str, least: tuple[int, int]) -> str | None:
    """Return that a server is too old, where it is; a version that is none is not."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) >= least:
        return None
    return f"it is version {version}, and {least[0]}.{least[1]} or newer is needed"


async def clock(settings: Settings) -> Told:
    """Compare this machine's clock with MongoDB's, and with that of an event store that tells its own."""
    async with open_mongodb(settings) as database:
        before = datetime.now(UTC)
        hello = await database.command("hello")
        after = datetime.now(UTC)
    theirs: datetime = hello["localTime"].replace(tzinfo=UTC)  # commands answer in UTC, unsaid
    problems = [skew_problem("MongoDB", theirs, before=before, after=after)]
    before = datetime.now(UTC)
    told = (await node_info(settings.eventstore_uri.get_secret_value())).at
    after = datetime.now(UTC)
    if told is not None:
        cut_off = before - CUT_OFF_BY
        problems.append(skew_problem("the event store", told, before=cut_off, after=after))
    return Told(
        problem=", ".join(one for one in problems if one) or None,
        detail="" if told else "the event store does not tell its time",
    )


def skew_problem(server: str, theirs: datetime, *, before: datetime, after: datetime) -> str | None:
    """Return how far a server's clock is away, told at some moment between two of this machine's."""
    ahead = max(theirs - after, before - theirs)
    if ahead <= CLOCK_SKEW_MAX:
        return None
    side = "ahead of" if theirs > after else "behind"
    return f"the clock of {server} is {ahead.total_seconds():.0f} s {side} this machine's"


async def read_models(settings: Settings) -> Told:
    """Look at what is shown: built, kept by a worker, close behind the log.

    Of an installation in which nothing was ever built nothing is told: its workers did not run yet.
    """
    async with open_mongodb(settings) as database, open_eventstoredb(settings) as log:
        if not await all_registered(database):
            return Told(detail="none was ever built")
        try:
            statuses = await status_of_all(database, log, READ_MODELS)
        except (EventStoreUnavailable, LogNotRead):
            return Told(
                problem="the event store does not answer, so nobody knows how far behind they are"
            )
    return Told(problem=models_problem(statuses))


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


async def dead_letters(settings: Settings) -> Told:
    """Count what is parked."""
    async with open_mongodb(settings) as database:
        count = await database[parking.COLLECTION].count_documents({})
    return Told(problem=f"{count} events are parked" if count else None)


async def disk(settings: Settings) -> Told:
    """Look at the disk that the installation's folder is on, where it has one."""
    if settings.data_dir is None:
        return Told()
    return Told(problem=await asyncio.to_thread(_disk_of, settings.data_dir))


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
