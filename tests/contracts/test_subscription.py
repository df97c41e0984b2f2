"""What a subscription promises its handler, over MongoDB and whichever event store."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from msgspec.structs import replace
from pymongo.errors import AutoReconnect, BulkWriteError, OperationFailure, PyMongoError

from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.events.payment import PaymentExpiredEvent, PaymentFailedEvent
from payment_gateway.infrastructure.messaging.batches import BATCH_ITEMS_MAX
from payment_gateway.infrastructure.messaging.canary_job import canary_job
from payment_gateway.infrastructure.messaging.checkpoint import (
    Checkpoints,
    LeaseLost,
    checkpoint_of,
)
from payment_gateway.infrastructure.messaging.subscription import (
    CONFLICTS_MAX,
    Handler,
    Subscription,
)
from payment_gateway.infrastructure.persistence.event_log import (
    AHEAD_MAX,
    EventFilter,
    LogItem,
    RecordedEvent,
    StreamFilter,
    TypeFilter,
)
from payment_gateway.infrastructure.persistence.memory import InMemoryEventStore
from payment_gateway.infrastructure.persistence.mongodb import Database, Session, open_session
from tests.mongodb_fixture import database, mongodb_uri

__all__ = ["database", "mongodb_uri"]

CONTEXT = CommandContext(
    tenant_id="acme", actor="test", correlation_id="c", at=datetime(2026, 1, 1, tzinfo=UTC)
)
MOMENT = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
PAYMENTS = StreamFilter("payment-.*")
WAIT_S = 20.0


class Notes:
    """A handler that writes each event down in the transaction it was given."""

    def __init__(self, database: Database) -> None:
        self.collection = database["notes"]
        self.sizes: list[int] = []
        self.fail_on: set[str] = set()
        self.failures: list[Exception] = []

    async def __call__(self, events: Sequence[RecordedEvent], session: Session) -> None:
        if self.failures:
            raise self.failures.pop()
        for recorded in events:
            if isinstance(recorded.event, PaymentFailedEvent) and (
                recorded.event.reason in self.fail_on
            ):
                raise ArithmeticError(recorded.event.reason)
        self.sizes.append(len(events))
        await self.collection.insert_many(
            [{"_id": event.position, "stream": event.stream} for event in events],
            session=session,
        )

    async def positions(self) -> list[int]:
        return [note["_id"] async for note in self.collection.find().sort("_id")]


def subscription(database: Database, log: InMemoryEventStore, handler: Handler) -> Subscription:
    return Subscription(
        name="notes", matching=PAYMENTS, handler=handler, log=log, database=database
    )


@asynccontextmanager
async def running(worker: Subscription) -> AsyncGenerator["asyncio.Task[None]", None]:
    task: asyncio.Task[None] = asyncio.create_task(worker.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.01)


async def until_at(worker: Subscription, position: int) -> None:
    await until(lambda: worker.status.position == position)


async def append(log: InMemoryEventStore, count: int, *, category: str = "payment") -> None:
    for _ in range(count):
        await append_to(log, f"{category}-{uuid4()}", "declined")


async def append_to(log: InMemoryEventStore, stream: str, *reasons: str) -> None:
    for reason in reasons:
        await log.append(
            stream,
            [PaymentFailedEvent(payment_id=stream, reason=reason)],
            expected=(await log.read(stream)).revision,
            context=CONTEXT,
        )


async def test_history_comes_in_large_batches_and_news_at_once(database: Database) -> None:
    log, notes = InMemoryEventStore(), Notes(database)
    for _ in range(3):
        await log.append(
            f"payment-{uuid4()}",
            [PaymentExpiredEvent(payment_id="p")] * BATCH_ITEMS_MAX,
            expected=None,
            context=CONTEXT,
        )
    worker = subscription(database, log, notes)

    async with running(worker):
        await until(lambda: worker.status.is_live)
        batches = len(notes.sizes)
        await append(log, 1)
        await until(lambda: worker.status.position == 3 * BATCH_ITEMS_MAX + 1)

    assert batches < 10
    assert max(notes.sizes) <= BATCH_ITEMS_MAX
    assert await notes.positions() == list(range(1, 3 * BATCH_ITEMS_MAX + 2))
    assert worker.status.events == 3 * BATCH_ITEMS_MAX + 1


class Asked(InMemoryEventStore):
    """A log that notes how far ahead it was to be read."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead: list[int] = []

    async def subscribe(
        self,
        matching: EventFilter,
        *,
        after: int,
        types: frozenset[str] | None = None,
        ahead: int = AHEAD_MAX,
    ) -> AsyncGenerator[LogItem, None]:
        self.ahead.append(ahead)
        async for item in super().subscribe(matching, after=after, types=types):
            yield item


async def test_at_a_rate_little_is_read_ahead_and_another_rate_holds_at_once(
    database: Database,
) -> None:
    log, notes, rate = Asked(), Notes(database), 5.0
    await append(log, 12)
    worker = Subscription(
        name="notes",
        matching=PAYMENTS,
        handler=notes,
        log=log,
        database=database,
        rate=lambda: rate,
    )

    async with running(worker):
        await until(lambda: worker.status.position > 0)
        assert not worker.status.is_live
        rate = 10_000.0
        await until_at(worker, 12)

    assert notes.sizes[0] == 5, "what the rate allows in a second"
    assert log.ahead == [10, AHEAD_MAX]
    assert await notes.positions() == list(range(1, 13))


async def test_a_worker_goes_on_where_the_one_before_it_stopped(database: Database) -> None:
    log, notes = InMemoryEventStore(), Notes(database)
    for total in (3, 6):
        await append(log, 3)
        worker = subscription(database, log, notes)
        async with running(worker):
            await until_at(worker, total)

    assert await notes.positions() == [1, 2, 3, 4, 5, 6]


async def test_ignored_events_move_the_stored_checkpoint_but_not_each_of_them(
    database: Database,
) -> None:
    log, notes = InMemoryEventStore(), Notes(database)
    worker = subscription(database, log, notes)

    async with running(worker):
        await until(lambda: worker.status.is_live)
        await append(log, 50, category="ignored")
        await until(lambda: worker.status.position == 50)

    assert await checkpoint_of(database, "notes") == 50
    assert worker.status.batches <= 2
    assert worker.status.events == 0


async def test_of_two_workers_on_one_name_only_the_later_commits(database: Database) -> None:
    log, first_notes, second_notes = InMemoryEventStore(), Notes(database), Notes(database)
    first = subscription(database, log, first_notes)
    second = subscription(database, log, second_notes)

    async with running(first) as first_task:
        await until(lambda: first.status.is_live)
        async with running(second):
            await until(lambda: second.status.is_live)
            await append(log, 20)
            await until(lambda: second.status.position == 20)
            await asyncio.wait({first_task}, timeout=WAIT_S)

    assert isinstance(first_task.exception(), LeaseLost)
    assert first.status.events == 0
    assert await second_notes.positions() == list(range(1, 21))


async def test_a_transaction_that_a_killed_worker_left_open_holds_nobody_up(
    database: Database,
) -> None:
    """The server would keep it, with the checkpoint locked, for a minute."""
    log, notes = InMemoryEventStore(), Notes(database)
    await append(log, 1)
    checkpoints = Checkpoints(database)
    async with open_session(database) as session:
        lease = await checkpoints.take("notes", session)
        session.start_transaction()
        await checkpoints.advance(lease, at=0, to=99)

        worker = subscription(database, log, notes)
        async with running(worker):
            await until_at(worker, 1)

    assert await notes.positions() == [1]


async def test_a_commit_that_nobody_answered_is_not_done_again(database: Database) -> None:
    """The checkpoint tells that it went through after all."""
    log, notes = InMemoryEventStore(), Notes(database)
    await append(log, 2)
    worker = subscription(database, log, notes)
    async with running(worker):
        await until_at(worker, 2)
        worker.status.position = 1  # as if the answer to the last commit had been lost
        await append(log, 1)
        await until_at(worker, 3)

    assert await notes.positions() == [1, 2, 3]
    assert worker.status.failures == 1
    assert "CheckpointMoved" in str(worker.status.last_error)


async def test_an_event_that_cannot_be_handled_blocks_only_its_own_stream(
    database: Database,
) -> None:
    log, notes = InMemoryEventStore(), Notes(database)
    notes.fail_on = {"poison"}
    await append_to(log, "payment-bad", "fine", "poison", "after")
    await append_to(log, "payment-good", "fine", "fine")
    worker = subscription(database, log, notes)

    async with running(worker):
        await until(lambda: worker.status.position == 5)
        await append_to(log, "payment-bad", "later still")
        await append_to(log, "payment-good", "fine")
        await until(lambda: worker.status.position == 7)

    assert await notes.positions() == [1, 4, 5, 7]
    parked = await database["parked_events"].find().sort("position").to_list(None)
    assert [(event["stream"], event["revision"]) for event in parked] == [
        ("payment-bad", 1),
        ("payment-bad", 2),
        ("payment-bad", 3),
    ]
    assert "ArithmeticError: poison" in parked[0]["cause"]
    assert worker.status.parked == 3


async def test_what_waits_behind_a_parked_event_waits_after_a_restart_too(
    database: Database,
) -> None:
    log, notes = InMemoryEventStore(), Notes(database)
    notes.fail_on = {"poison"}
    await append_to(log, "payment-bad", "poison")
    first = subscription(database, log, notes)
    async with running(first):
        await until(lambda: first.status.position == 1)

    await append_to(log, "payment-bad", "fine")
    second = subscription(database, log, notes)
    async with running(second):
        await until(lambda: second.status.position == 2)

    assert await notes.positions() == []
    assert await database["parked_events"].count_documents({}) == 2


async def test_an_event_that_cannot_be_read_is_parked_with_its_place_and_cause(
    database: Database,
) -> None:
    log, notes = InMemoryEventStore(), Notes(database)
    await append_to(log, "payment-bad", "fine", "fine")
    await append_to(log, "payment-good", "fine")
    broken = log._log[0]
    log._log[0] = type(broken)(
        event_id=broken.event_id,
        type=broken.type,
        data=b"\x00",
        metadata=broken.metadata,
        stream=broken.stream,
        revision=broken.revision,
        position=broken.position,
    )
    worker = subscription(database, log, notes)

    async with running(worker):
        await until(lambda: worker.status.position == 3)

    assert await notes.positions() == [3]
    parked = await database["parked_events"].find_one({"position": 1})
    assert parked is not None
    assert parked["type"] == "PaymentFailed"
    assert "UndecodableEvent" in parked["cause"]


async def test_an_event_of_a_type_never_heard_of_stops_nothing_and_is_counted(
    database: Database,
) -> None:
    log, notes = InMemoryEventStore(), Notes(database)
    await append_to(log, "payment-new", "fine", "fine", "fine")
    log._log[1] = replace(log._log[1], type="WrittenByANewerRelease")
    worker = subscription(database, log, notes)

    async with running(worker):
        await until_at(worker, 3)

    assert await notes.positions() == [1, 3]
    assert (worker.status.unknown, worker.status.parked) == (1, 0)
    stored = await database["checkpoints"].find_one({"_id": "notes"})
    assert stored is not None
    assert (stored["unknown"], stored["events"]) == (1, 2)


async def test_types_that_are_not_wanted_are_not_even_decoded_and_move_the_checkpoint(
    database: Database,
) -> None:
    log, notes = InMemoryEventStore(), Notes(database)
    await log.append(
        "payment-1", [PaymentExpiredEvent(payment_id="p")], expected=None, context=CONTEXT
    )
    await append_to(log, "payment-1", "declined")
    await log.append(
        "payment-1", [PaymentExpiredEvent(payment_id="p")], expected=1, context=CONTEXT
    )
    log._log[0] = replace(log._log[0], data=b"no JSON")
    worker = Subscription(
        name="notes",
        matching=PAYMENTS,
        types=frozenset({"PaymentFailed"}),
        handler=notes,
        log=log,
        database=database,
    )

    async with running(worker):
        await until_at(worker, 3)

    assert await notes.positions() == [2]
    assert worker.status.parked == 0


@pytest.mark.parametrize("types", [None, frozenset({"PaymentFailed"})], ids=["all", "some types"])
@pytest.mark.parametrize("matching", [PAYMENTS, TypeFilter(("PaymentFailed",))])
async def test_a_mark_in_the_log_comes_through_to_the_checkpoint_and_no_further(
    database: Database, matching: EventFilter, types: frozenset[str] | None
) -> None:
    log, notes = InMemoryEventStore(), Notes(database)
    worker = Subscription(
        name="notes", matching=matching, types=types, handler=notes, log=log, database=database
    )
    job = canary_job(log, every_s=3600, now=lambda: MOMENT)
    async with running(worker):
        await append(log, 1)
        await until_at(worker, 1)
        assert worker.status.lag_s(MOMENT) is None
        marking: asyncio.Task[None] = asyncio.ensure_future(job.run())
        await until_at(worker, 2)
        marking.cancel()

    assert await notes.positions() == [1]
    stored = await database["checkpoints"].find_one({"_id": "notes"})
    assert stored is not None
    assert stored["canaryAt"] == MOMENT
    assert worker.status.lag_s(MOMENT + timedelta(seconds=7)) == 7


@pytest.mark.parametrize(
    ("trouble", "failures"),
    [
        (BulkWriteError({"errorLabels": ["TransientTransactionError"]}), 0),
        (AutoReconnect("connection closed"), 1),
        (OperationFailure("not authorized", 13), 1),
        (OperationFailure("out of disk space", 14031), 1),
    ],
    ids=["write conflict", "connection", "access", "space"],
)
async def test_trouble_of_the_server_is_no_fault_of_the_event(
    database: Database, trouble: PyMongoError, failures: int
) -> None:
    """The transaction is tried again, after a conflict at once, nothing is parked and nothing is written twice."""
    log, notes = InMemoryEventStore(), Notes(database)
    notes.failures = [trouble]
    await append(log, 3)
    worker = subscription(database, log, notes)

    async with running(worker):
        await until(lambda: worker.status.position == 3)

    assert await notes.positions() == [1, 2, 3]
    assert worker.status.failures == failures
    assert worker.status.parked == 0


async def test_losing_to_another_writer_again_and_again_is_trouble_but_loses_nothing(
    database: Database,
) -> None:
    log, notes = InMemoryEventStore(), Notes(database)
    conflict = {"errorLabels": ["TransientTransactionError"]}
    notes.failures = [BulkWriteError(conflict) for _ in range(CONFLICTS_MAX)]
    await append(log, 3)
    worker = subscription(database, log, notes)

    async with running(worker):
        await until_at(worker, 3)

    assert await notes.positions() == [1, 2, 3]
    assert worker.status.failures == 1


async def test_a_document_that_mongodb_will_never_take_is_the_fault_of_its_event(
    database: Database,
) -> None:
    log, notes = InMemoryEventStore(), Notes(database)

    async def swell(events: Sequence[RecordedEvent], session: Session) -> None:
        if any(event.stream == "payment-bad" for event in events):
            too_large = "x" * 17 * 1024 * 1024
            await notes.collection.insert_one({"_id": 0, "text": too_large}, session=session)
        await notes(events, session)

    await append_to(log, "payment-bad", "fine")
    await append_to(log, "payment-good", "fine")
    worker = subscription(database, log, swell)
    async with running(worker):
        await until_at(worker, 2)

    assert await notes.positions() == [2]
    assert worker.status.parked == 1


async def test_a_stopped_worker_finishes_the_transaction_under_way(database: Database) -> None:
    log, notes = InMemoryEventStore(), Notes(database)
    await append(log, 1)
    entered, release = asyncio.Event(), asyncio.Event()

    async def slow(events: Sequence[RecordedEvent], session: Session) -> None:
        entered.set()
        await release.wait()
        await notes(events, session)

    worker = subscription(database, log, slow)
    async with running(worker) as task:
        await entered.wait()
        task.cancel()
        release.set()
        await asyncio.wait({task}, timeout=WAIT_S)

    assert task.cancelled()
    assert await notes.positions() == [1]
    assert await checkpoint_of(database, "notes") == 1


async def test_a_handler_that_fails_on_everything_stops_the_subscription(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payment_gateway.infrastructure.messaging.parking.PARKED_STREAMS_MAX", 5)
    log, notes = InMemoryEventStore(), Notes(database)
    notes.fail_on = {"declined"}
    await append(log, 10)
    worker = subscription(database, log, notes)

    async with running(worker) as task:
        await asyncio.wait({task}, timeout=WAIT_S)

    assert type(task.exception()).__name__ == "TooManyParked"
    assert worker.status.state == "stopped"
