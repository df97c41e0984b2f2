"""The recovery's queue on a real MongoDB: what is due goes to one process, and news win over old looks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from payment_gateway.application.ports import CommandContext, DueLook, QueueUnavailable
from payment_gateway.application.sagas.recovery import FIRST_INQUIRY
from payment_gateway.domain.events.payment import (
    OutcomeUnknownEvent,
    PaymentCompletedEvent,
    PaymentEvent,
    RefundRequestedEvent,
)
from payment_gateway.infrastructure.messaging.recovery_queue import CLAIM, MongoRecoveryQueue
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.mongodb import (
    Client,
    Database,
    Session,
    open_session,
    transaction,
)
from sandbox.ports import free_port
from tests.mongodb_fixture import database, mongodb_uri

__all__ = ["database", "mongodb_uri"]

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DUE = NOON + FIRST_INQUIRY
LIMIT = 16


@pytest.fixture
async def queue(database: Database) -> MongoRecoveryQueue:
    queue = MongoRecoveryQueue(database)
    await queue.install()
    return queue


def in_doubt(payment_id: str) -> OutcomeUnknownEvent:
    return OutcomeUnknownEvent(
        payment_id=payment_id, operation="capture", intent_id="c", reason="silence"
    )


def completed(payment_id: str) -> PaymentCompletedEvent:
    return PaymentCompletedEvent(
        payment_id=payment_id,
        provider="PAYPAL",
        provider_reference="r",
        captured_minor=1,
        currency="USD",
    )


def refund_requested(payment_id: str) -> RefundRequestedEvent:
    return RefundRequestedEvent(
        payment_id=payment_id, refund_id="r", amount_minor=1, currency="USD", reason=None
    )


def recorded(event: PaymentEvent, *, at: datetime = NOON, revision: int = 0) -> RecordedEvent:
    context = CommandContext(tenant_id="acme", actor="test", correlation_id="c", at=at)
    return RecordedEvent(
        event=event,
        type=type(event).__name__,
        event_id=str(uuid4()),
        stream=f"payment-{event.payment_id}",
        revision=revision,
        position=revision,
        context=context,
    )


async def tell(database: Database, queue: MongoRecoveryQueue, *events: RecordedEvent) -> None:
    async with open_session(database) as session, transaction(session):
        await queue.handle(events, session)


class Crash(Exception):
    """Whatever else the batch's transaction was to do has failed."""


async def crash_after(queue: MongoRecoveryQueue, event: RecordedEvent, session: Session) -> None:
    async with transaction(session):
        await queue.handle([event], session)
        raise Crash


def ids(looks: Sequence[DueLook]) -> list[str]:
    return [look.payment_id for look in looks]


class TestClaim:
    async def test_returns_what_is_due_and_nothing_else(
        self, database: Database, queue: MongoRecoveryQueue
    ) -> None:
        await tell(database, queue, recorded(in_doubt("p")))
        assert await queue.claim(DUE - timedelta(milliseconds=1), limit=LIMIT) == []
        assert await queue.claim(DUE, limit=LIMIT) == [
            DueLook(
                payment_id="p",
                tenant_id="acme",
                last_change_at=NOON,
                looks=0,
                claimed_until=DUE + CLAIM,
            )
        ]

    async def test_begins_with_what_is_due_longest(
        self, database: Database, queue: MongoRecoveryQueue
    ) -> None:
        minutes = (3, 1, 2)
        events = [recorded(in_doubt(f"p{m}"), at=NOON + timedelta(minutes=m)) for m in minutes]
        await tell(database, queue, *events)
        later = NOON + timedelta(hours=1)
        assert ids(await queue.claim(later, limit=2)) == ["p1", "p2"]
        assert ids(await queue.claim(later, limit=2)) == ["p3"]

    async def test_gives_each_payment_to_one_process(
        self, database: Database, queue: MongoRecoveryQueue
    ) -> None:
        names = [f"p{number:02}" for number in range(50)]
        await tell(database, queue, *(recorded(in_doubt(name)) for name in names))
        claimed = await asyncio.gather(
            *(MongoRecoveryQueue(database).claim(DUE, limit=LIMIT) for _ in range(6))
        )
        taken = [payment_id for looks in claimed for payment_id in ids(looks)]
        assert sorted(taken) == names
        assert max(len(looks) for looks in claimed) <= LIMIT

    async def test_of_a_process_that_died_lapses(
        self, database: Database, queue: MongoRecoveryQueue
    ) -> None:
        await tell(database, queue, recorded(in_doubt("p")))
        await queue.claim(DUE, limit=LIMIT)
        assert await queue.claim(DUE + CLAIM - timedelta(seconds=1), limit=LIMIT) == []
        assert ids(await queue.claim(DUE + CLAIM, limit=LIMIT)) == ["p"]


class TestFinish:
    async def test_sets_the_next_look_and_counts(
        self, database: Database, queue: MongoRecoveryQueue
    ) -> None:
        await tell(database, queue, recorded(in_doubt("p")))
        (look,) = await queue.claim(DUE, limit=LIMIT)
        next_at = DUE + timedelta(seconds=10)
        await queue.finish(look, next_at)
        assert await queue.claim(next_at - timedelta(seconds=1), limit=LIMIT) == []
        (again,) = await queue.claim(next_at, limit=LIMIT)
        assert (again.looks, again.last_change_at) == (1, NOON)

    async def test_of_a_look_that_is_put_off_is_not_counted(
        self, database: Database, queue: MongoRecoveryQueue
    ) -> None:
        await tell(database, queue, recorded(in_doubt("p")))
        (look,) = await queue.claim(DUE, limit=LIMIT)
        await queue.put_off(look, DUE + timedelta(seconds=2))
        assert await queue.claim(DUE + timedelta(seconds=1), limit=LIMIT) == []
        (again,) = await queue.claim(DUE + timedelta(seconds=2), limit=LIMIT)
        assert again.looks == 0

    async def test_ends_the_looks(self, database: Database, queue: MongoRecoveryQueue) -> None:
        await tell(database, queue, recorded(in_doubt("p")))
        (look,) = await queue.claim(DUE, limit=LIMIT)
        await queue.finish(look, None)
        assert await queue.claim(DUE + timedelta(days=9), limit=LIMIT) == []

    @pytest.mark.parametrize("next_at", [None, DUE + timedelta(hours=4)])
    async def test_gives_way_to_a_newer_event(
        self, database: Database, queue: MongoRecoveryQueue, next_at: datetime | None
    ) -> None:
        await tell(database, queue, recorded(in_doubt("p")))
        (look,) = await queue.claim(DUE, limit=LIMIT)
        news = recorded(refund_requested("p"), at=DUE + timedelta(seconds=1), revision=1)
        await tell(database, queue, news)
        await queue.finish(look, next_at)
        (again,) = await queue.claim(DUE + timedelta(minutes=2), limit=LIMIT)
        assert (again.looks, again.last_change_at) == (0, news.context.at)

    async def test_of_a_lapsed_claim_leaves_the_later_one(
        self, database: Database, queue: MongoRecoveryQueue
    ) -> None:
        await tell(database, queue, recorded(in_doubt("p")))
        (slow,) = await queue.claim(DUE, limit=LIMIT)
        (quick,) = await queue.claim(slow.claimed_until, limit=LIMIT)
        await queue.finish(slow, None)
        await queue.finish(quick, quick.claimed_until)
        assert ids(await queue.claim(quick.claimed_until, limit=LIMIT)) == ["p"]


class TestEvents:
    async def test_that_end_a_payment_end_its_looks(
        self, database: Database, queue: MongoRecoveryQueue
    ) -> None:
        await tell(database, queue, recorded(in_doubt("p")))
        await tell(database, queue, recorded(completed("p"), revision=1))
        assert await queue.claim(NOON + timedelta(days=9), limit=LIMIT) == []

    async def test_of_one_batch_count_by_the_newest(
        self, database: Database, queue: MongoRecoveryQueue
    ) -> None:
        await tell(
            database,
            queue,
            recorded(in_doubt("done")),
            recorded(in_doubt("open")),
            recorded(completed("done"), revision=1),
        )
        assert ids(await queue.claim(NOON + timedelta(days=9), limit=LIMIT)) == ["open"]

    async def test_that_come_again_change_nothing(
        self, database: Database, queue: MongoRecoveryQueue
    ) -> None:
        for _ in range(2):
            await tell(database, queue, recorded(in_doubt("p")))
        assert ids(await queue.claim(DUE, limit=LIMIT)) == ["p"]

    async def test_of_a_batch_that_is_rolled_back_leave_nothing(
        self, database: Database, queue: MongoRecoveryQueue
    ) -> None:
        async with open_session(database) as session:
            with suppress(Crash):
                await crash_after(queue, recorded(in_doubt("p")), session)
        assert await queue.claim(DUE, limit=LIMIT) == []


async def test_a_server_that_is_not_there_is_said_so() -> None:
    uri = f"mongodb://127.0.0.1:{free_port()}"
    absent: Client = AsyncIOMotorClient(uri, serverSelectionTimeoutMS=200)
    queue = MongoRecoveryQueue(absent["none"])
    with pytest.raises(QueueUnavailable):
        await queue.install()
    with pytest.raises(QueueUnavailable):
        await queue.claim(NOON, limit=1)
    absent.close()
