"""How workers share their units, over a real MongoDB."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.events.payment import PaymentFailedEvent
from payment_gateway.infrastructure.messaging import workers
from payment_gateway.infrastructure.messaging.fair_shares import Seat
from payment_gateway.infrastructure.messaging.fleet import Fleet
from payment_gateway.infrastructure.messaging.unit import Job, Unit, Work
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent, StreamFilter
from payment_gateway.infrastructure.persistence.memory import InMemoryEventStore
from payment_gateway.infrastructure.persistence.mongodb import Database, Session
from tests.mongodb_fixture import database, mongodb_uri

__all__ = ["database", "mongodb_uri"]

CONTEXT = CommandContext(
    tenant_id="acme", actor="test", correlation_id="c", at=datetime(2026, 1, 1, tzinfo=UTC)
)
WAIT_S = 60.0
UNITS = 4


class Ledger:
    """Counts, in the transaction it is given, how often each unit was given each event."""

    def __init__(self, database: Database) -> None:
        self.collection = database["ledger"]

    def unit(self, name: str, *, group: str = "g", paused: bool = False) -> Unit:
        async def handle(events: Sequence[RecordedEvent], session: Session) -> None:
            for event in events:
                await self.collection.update_one(
                    {"_id": f"{name}:{event.position}"},
                    {"$inc": {"times": 1}},
                    upsert=True,
                    session=session,
                )

        return Unit(
            name=name,
            group=group,
            matching=StreamFilter("payment-.*"),
            handler=handle,
            paused=paused,
        )

    async def counts(self) -> list[int]:
        return [entry["times"] async for entry in self.collection.find()]


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def log() -> InMemoryEventStore:
    return InMemoryEventStore()


async def append(log: InMemoryEventStore, count: int) -> None:
    for _ in range(count):
        event = PaymentFailedEvent(payment_id="p", reason="declined")
        await log.append(f"payment-{uuid4()}", [event], expected=None, context=CONTEXT)


@asynccontextmanager
async def worker(
    database: Database, log: InMemoryEventStore, works: Sequence[Work], *, dedicated: bool = False
) -> AsyncGenerator[tuple[Fleet, "asyncio.Task[None]"], None]:
    async def offered() -> Sequence[Work]:
        return works

    fleet = Fleet(offered=offered, log=log, database=database, dedicated=dedicated)
    task: asyncio.Task[None] = asyncio.create_task(fleet.run())
    try:
        yield fleet, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.02)


def held(fleet: Fleet) -> list[str]:
    return [status.name for status in fleet.statuses if status.is_live]


async def test_a_worker_that_joins_gets_half_and_one_that_leaves_gives_all_back(
    database: Database, log: InMemoryEventStore, ledger: Ledger
) -> None:
    units = [ledger.unit(f"g.{n}") for n in range(UNITS)]
    async with worker(database, log, units) as (first, _):
        await until(lambda: len(held(first)) == UNITS)
        await append(log, 20)
        async with worker(database, log, units) as (second, _):
            await until(lambda: len(held(first)) == len(held(second)) == UNITS // 2)
            assert not set(held(first)) & set(held(second))
            await append(log, 20)
        await until(lambda: len(held(first)) == UNITS)
        await until(lambda: all(status.position == 40 for status in first.statuses))
    assert await ledger.counts() == [1] * (UNITS * 40)
    assert await database[workers.COLLECTION].count_documents({}) == 0
    assert await database["checkpoints"].count_documents({"owner": {"$ne": None}}) == 0


async def test_what_one_unit_each_of_several_groups_is_shared_too(
    database: Database, log: InMemoryEventStore, ledger: Ledger
) -> None:
    units = [ledger.unit(f"g{n}.0", group=f"g{n}") for n in range(UNITS)]
    async with worker(database, log, units) as (first, _):
        await until(lambda: len(held(first)) == UNITS)
        async with worker(database, log, units) as (second, _):
            await until(lambda: len(held(first)) == len(held(second)) == UNITS // 2)


async def test_what_a_worker_holds_is_free_once_it_has_not_been_heard_of_for_seconds(
    database: Database, log: InMemoryEventStore, ledger: Ledger
) -> None:
    dead = workers.Workers(database, "dead")
    await dead.renew(Seat(groups={"g": ["g.0"]}))
    await database["checkpoints"].insert_one(
        {"_id": "g.0", "epoch": 7, "position": 0, "owner": "dead", "session": None}
    )
    begun_s = time.monotonic()
    async with worker(database, log, [ledger.unit("g.0")]) as (heir, _):
        await until(lambda: heir.ready()[0] and held(heir) == ["g.0"])
    assert 0.5 * workers.LIVES_FOR_S < time.monotonic() - begun_s < 3 * workers.LIVES_FOR_S


async def test_a_paused_unit_is_let_go_and_taken_up_again(
    database: Database, log: InMemoryEventStore, ledger: Ledger
) -> None:
    units: list[Work] = [ledger.unit("g.0"), ledger.unit("g.1")]
    async with worker(database, log, units) as (fleet, _):
        await until(lambda: held(fleet) == ["g.0", "g.1"])
        units[0] = ledger.unit("g.0", paused=True)
        await until(lambda: held(fleet) == ["g.1"])
        assert fleet.ready()[0]
        units[0] = ledger.unit("g.0")
        await until(lambda: held(fleet) == ["g.0", "g.1"])


async def test_workers_for_one_group_alone_have_it_until_they_are_gone(
    database: Database, log: InMemoryEventStore, ledger: Ledger
) -> None:
    live, built = ledger.unit("live.0", group="live"), ledger.unit("built.0", group="built")
    async with worker(database, log, [live, built]) as (general, _):
        await until(lambda: held(general) == ["built.0", "live.0"])
        async with worker(database, log, [built], dedicated=True) as (builder, _):
            await until(lambda: held(builder) == ["built.0"])
            assert held(general) == ["live.0"]
        await until(lambda: held(general) == ["built.0", "live.0"])


async def test_a_unit_that_cannot_go_on_is_not_ready_and_leaves_the_others_alone(
    database: Database,
    log: InMemoryEventStore,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("payment_gateway.infrastructure.messaging.parking.PARKED_STREAMS_MAX", 2)

    async def fail(_: Sequence[RecordedEvent], __: Session) -> None:
        raise ArithmeticError

    bad = Unit(name="bad", group="bad", matching=StreamFilter("payment-.*"), handler=fail)
    await append(log, 5)
    async with worker(database, log, [bad, ledger.unit("good")]) as (fleet, task):
        await until(lambda: "TooManyParked" in str(_status(fleet, "bad")))
        await until(lambda: held(fleet) == ["good"])
        await until(lambda: fleet.statuses[1].position == 5)
        assert not fleet.ready()[0]
        assert not task.done()


def _status(fleet: Fleet, name: str) -> str | None:
    return next((one.last_error for one in fleet.statuses if one.name == name), None)


async def test_a_job_is_done_by_one_worker_at_a_time(
    database: Database, log: InMemoryEventStore
) -> None:
    at_work: list[str] = []
    most = 0

    def job(worker: str) -> Job:
        async def run() -> None:
            nonlocal most
            at_work.append(worker)
            most = max(most, len(at_work))
            try:
                await asyncio.Event().wait()
            finally:
                at_work.remove(worker)

        return Job(name="job", group="job", run=run)

    async with worker(database, log, [job("first")]) as (_, __):
        await until(lambda: at_work == ["first"])
        async with worker(database, log, [job("second")]) as (second, _):
            await until(lambda: second.ready()[0])
            assert at_work == ["first"]
    async with worker(database, log, [job("third")]) as (_, __):
        await until(lambda: at_work == ["third"])
    assert most == 1


async def test_a_worker_that_has_stopped_is_not_ready(
    log: InMemoryEventStore, database: Database
) -> None:
    async def offered() -> Sequence[Work]:
        return []

    fleet = Fleet(offered=offered, log=log, database=database)
    task: asyncio.Task[None] = asyncio.create_task(fleet.run())
    await until(lambda: fleet.ready()[0])
    task.cancel()
    await asyncio.wait({task}, timeout=WAIT_S)
    assert task.cancelled()
    assert not fleet.ready()[0]
