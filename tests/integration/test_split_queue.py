"""The splits' queue on a real MongoDB: news of a payment makes its split due, for one process only."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from payment_gateway.application.ports import CommandContext, QueueUnavailable
from payment_gateway.application.sagas.split_schedule import START_GRACE, DueSplit
from payment_gateway.domain.events import DomainEvent
from payment_gateway.domain.events.payment import (
    CaptureRequestedEvent,
    PaymentCompletedEvent,
    PaymentExpiredEvent,
)
from payment_gateway.domain.events.split import (
    SplitAwaitingPayerEvent,
    SplitPart,
    SplitStartedEvent,
)
from payment_gateway.infrastructure.messaging.split_queue import CLAIM, MongoSplitQueue
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.mongodb import (
    Client,
    Database,
    open_session,
    transaction,
)
from sandbox.ports import free_port
from tests.mongodb_fixture import database, mongodb_uri

__all__ = ["database", "mongodb_uri"]
pytestmark = pytest.mark.xdist_group("recovery")

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
GRACE_OVER = NOON + START_GRACE
SOON = NOON + timedelta(seconds=5)
LATER = NOON + timedelta(hours=1)
LIMIT = 16


@pytest.fixture
async def queue(database: Database) -> MongoSplitQueue:
    queue = MongoSplitQueue(database)
    await queue.install()
    return queue


def started(split_id: str = "s") -> SplitStartedEvent:
    parts = tuple(
        SplitPart(payment_id=f"{split_id}-{n}", provider="PAYPAL", amount_minor=1, refundable=True)
        for n in (1, 2)
    )
    return SplitStartedEvent(
        split_id=split_id,
        tenant_id="acme",
        external_reference="ERN-1",
        order_id="o",
        amount_minor=2,
        currency="USD",
        parts=parts,
        pay_until=LATER,
    )


def expired(payment_id: str) -> PaymentExpiredEvent:
    return PaymentExpiredEvent(payment_id=payment_id)


AWAITING = SplitAwaitingPayerEvent(split_id="s")


def recorded(event: DomainEvent, at: datetime = NOON) -> RecordedEvent:
    context = CommandContext(tenant_id="acme", actor="test", correlation_id="c", at=at)
    return RecordedEvent(
        event=event,
        type=type(event).__name__,
        event_id=str(uuid4()),
        stream="any",
        revision=0,
        position=1,
        context=context,
    )


async def tell(database: Database, queue: MongoSplitQueue, *events: RecordedEvent) -> None:
    async with open_session(database) as session, transaction(session):
        await queue.handle(events, session)


def ids(looks: Sequence[DueSplit]) -> list[str]:
    return [look.split_id for look in looks]


class TestDue:
    async def test_the_request_that_starts_it_is_left_alone_for_a_while(
        self, database: Database, queue: MongoSplitQueue
    ) -> None:
        await tell(database, queue, recorded(started()), recorded(expired("s-1"), SOON))
        assert await queue.claim(GRACE_OVER - timedelta(milliseconds=1), limit=LIMIT) == []
        assert await queue.claim(GRACE_OVER, limit=LIMIT) == [
            DueSplit(split_id="s", tenant_id="acme", looks=0, claimed_until=GRACE_OVER + CLAIM)
        ]

    async def test_it_is_due_at_once_when_that_request_is_done(
        self, database: Database, queue: MongoSplitQueue
    ) -> None:
        await tell(database, queue, recorded(started()), recorded(AWAITING, SOON))
        assert ids(await queue.claim(SOON, limit=LIMIT)) == ["s"]

    async def test_news_of_a_payment_makes_its_split_due_and_no_other(
        self, database: Database, queue: MongoSplitQueue
    ) -> None:
        await tell(database, queue, recorded(started("s")), recorded(started("other")))
        for look in await queue.claim(GRACE_OVER, limit=LIMIT):
            await queue.finish(look, None)
        news = (recorded(expired("s-2"), LATER), recorded(expired("nobodys"), LATER))
        await tell(database, queue, *news)
        assert ids(await queue.claim(LATER, limit=LIMIT)) == ["s"]

    async def test_an_intent_is_no_news(self, database: Database, queue: MongoSplitQueue) -> None:
        await tell(database, queue, recorded(started()))
        (look,) = await queue.claim(GRACE_OVER, limit=LIMIT)
        await queue.finish(look, None)
        intent = CaptureRequestedEvent(payment_id="s-1", capture_id="c", provider_order_id="o")
        await tell(database, queue, recorded(intent, LATER))
        assert await queue.claim(LATER, limit=LIMIT) == []

    async def test_the_same_events_again_end_in_the_same_queue(
        self, database: Database, queue: MongoSplitQueue
    ) -> None:
        completed = PaymentCompletedEvent(
            payment_id="s-1",
            provider="PAYPAL",
            provider_reference="r",
            captured_minor=1,
            currency="USD",
        )
        log = (recorded(started()), recorded(AWAITING, SOON), recorded(completed, LATER))
        await tell(database, queue, *log)
        before = await database["split_queue"].find().to_list(LIMIT)
        for event in log:
            await tell(database, queue, event)
        assert await database["split_queue"].find().to_list(LIMIT) == before


class TestFinish:
    async def test_sets_the_next_look(self, database: Database, queue: MongoSplitQueue) -> None:
        await tell(database, queue, recorded(started()))
        (look,) = await queue.claim(GRACE_OVER, limit=LIMIT)
        await queue.finish(look, LATER)
        assert await queue.claim(LATER - timedelta(seconds=1), limit=LIMIT) == []
        (again,) = await queue.claim(LATER, limit=LIMIT)
        assert again.looks == 1

    async def test_news_that_come_during_a_look_are_looked_at(
        self, database: Database, queue: MongoSplitQueue
    ) -> None:
        await tell(database, queue, recorded(started()))
        (look,) = await queue.claim(GRACE_OVER, limit=LIMIT)
        news_at = GRACE_OVER + timedelta(seconds=1)
        await tell(database, queue, recorded(expired("s-1"), news_at))
        await queue.finish(look, None)
        assert ids(await queue.claim(news_at, limit=LIMIT)) == ["s"]

    async def test_a_process_that_died_keeps_a_split_no_longer_than_its_claim(
        self, database: Database, queue: MongoSplitQueue
    ) -> None:
        await tell(database, queue, recorded(started()))
        await queue.claim(GRACE_OVER, limit=LIMIT)
        assert await queue.claim(GRACE_OVER + timedelta(seconds=1), limit=LIMIT) == []
        assert ids(await queue.claim(GRACE_OVER + CLAIM, limit=LIMIT)) == ["s"]


async def test_each_split_is_claimed_by_one_process(
    database: Database, queue: MongoSplitQueue
) -> None:
    names = [f"s{number:02}" for number in range(20)]
    await tell(database, queue, *(recorded(started(name)) for name in names))
    claimed = await asyncio.gather(
        *(MongoSplitQueue(database).claim(GRACE_OVER, limit=LIMIT) for _ in range(4))
    )
    assert sorted(name for looks in claimed for name in ids(looks)) == names
    assert max(len(looks) for looks in claimed) <= LIMIT


async def test_without_its_server_the_queue_says_so() -> None:
    client: Client = AsyncIOMotorClient(
        f"mongodb://127.0.0.1:{free_port()}", serverSelectionTimeoutMS=50
    )
    queue = MongoSplitQueue(client["nowhere"])
    look = DueSplit(split_id="s", tenant_id="acme", looks=0, claimed_until=LATER)
    for work in (queue.install(), queue.claim(NOON, limit=1), queue.finish(look, None)):
        with pytest.raises(QueueUnavailable):
            await work
    client.close()
