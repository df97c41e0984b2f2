"""What is parked is taken up in order, once, or not at all; over a real MongoDB."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest

from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.events.payment import PaymentFailedEvent
from payment_gateway.infrastructure.messaging.dead_letters import (
    DeadLetter,
    DeadLetters,
    NoSuchLetter,
    NotReplayed,
)
from payment_gateway.infrastructure.messaging.document_differences import differences
from payment_gateway.infrastructure.messaging.fleet import Fleet
from payment_gateway.infrastructure.messaging.unit import Unit, Work
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent, StreamFilter
from payment_gateway.infrastructure.persistence.memory import InMemoryEventStore
from payment_gateway.infrastructure.persistence.mongodb import Database, Document, Session
from tests.mongodb_fixture import database, mongodb_uri

__all__ = ["database", "mongodb_uri"]

CONTEXT = CommandContext(
    tenant_id="acme", actor="test", correlation_id="c", at=datetime(2026, 1, 1, tzinfo=UTC)
)
WAIT_S = 60.0


class Reasons:
    """A read model that keeps the reasons of each stream in order, and cannot take some of them."""

    def __init__(self, database: Database) -> None:
        self.collection = database["reasons"]
        self.cannot = {"poison"}

    async def handle(self, events: Sequence[RecordedEvent], session: Session) -> None:
        for recorded in events:
            assert isinstance(recorded.event, PaymentFailedEvent), "all that is written here"
            if recorded.event.reason in self.cannot:
                raise ArithmeticError(recorded.event.reason)
            await self.collection.update_one(
                {"_id": recorded.stream},
                {"$push": {"reasons": recorded.event.reason}},
                upsert=True,
                session=session,
            )

    async def documents(
        self, events: Sequence[RecordedEvent], session: Session
    ) -> dict[str, Document | None]:
        names = {event.stream for event in events}
        found: dict[str, Document | None] = dict.fromkeys(names)
        async for document in self.collection.find({"_id": {"$in": [*names]}}, session=session):
            found[document["_id"]] = document
        return found

    async def of(self, stream: str) -> list[str]:
        document = await self.collection.find_one({"_id": stream})
        return [] if document is None else list(document["reasons"])

    @property
    def unit(self) -> Unit:
        return Unit(
            name="reasons",
            group="reasons",
            matching=StreamFilter("payment-.*"),
            handler=self.handle,
            documents=self.documents,
        )


class World:
    """One worker on one log, with a stream of which the second event cannot be handled."""

    def __init__(self, database: Database) -> None:
        self.log = InMemoryEventStore()
        self.reasons = Reasons(database)
        self.letters = DeadLetters(database, self.log)
        self.fleet = Fleet(offered=self._offered, log=self.log, database=database)

    async def _offered(self) -> Sequence[Work]:
        return [self.reasons.unit]

    async def append(self, stream: str, *reasons: str) -> None:
        for reason in reasons:
            event = PaymentFailedEvent(payment_id=stream, reason=reason)
            revision = (await self.log.read(stream)).revision
            await self.log.append(stream, [event], expected=revision, context=CONTEXT)

    async def until_handled(self) -> None:
        head = await self.log.head()
        await until(lambda: [one.position for one in self.fleet.statuses] == [head])

    async def letter(self) -> DeadLetter:
        (letter,) = await self.letters.all()
        return letter


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.fixture
async def world(database: Database) -> World:
    return World(database)


@pytest.fixture
async def parked(world: World) -> DeadLetter:
    await world.append("payment-bad", "one", "poison", "three")
    await world.append("payment-good", "fine")
    running = asyncio.create_task(world.fleet.run())
    await world.until_handled()
    running.cancel()
    await asyncio.wait({running}, timeout=WAIT_S)
    return await world.letter()


async def test_the_events_of_a_stream_are_one_letter_with_the_cause_of_the_first(
    world: World, parked: DeadLetter
) -> None:
    assert (parked.stream, parked.revision, parked.events) == ("payment-bad", 1, 2)
    assert parked.cause == "ArithmeticError: poison"
    assert await world.letters.find(parked.id) == parked
    documents = await world.letters.documents(parked, world.reasons.unit)
    assert documents == {"payment-bad": {"_id": "payment-bad", "reasons": ["one"]}}


async def test_a_dry_run_tells_what_would_change_and_changes_nothing(
    world: World, parked: DeadLetter
) -> None:
    world.reasons.cannot.clear()

    replay = await world.letters.replay(parked, world.reasons.unit, dry_run=True)

    assert differences(replay.before, replay.after) == [
        {"document": "payment-bad", "field": "reasons.1", "before": None, "after": "poison"},
        {"document": "payment-bad", "field": "reasons.2", "before": None, "after": "three"},
    ]
    assert await world.reasons.of("payment-bad") == ["one"]
    assert await world.letter() == parked


async def test_a_replay_handles_all_of_them_in_order_and_once(
    world: World, parked: DeadLetter
) -> None:
    world.reasons.cannot.clear()

    replay = await world.letters.replay(parked, world.reasons.unit)

    assert [event.revision for event in replay.events] == [1, 2]
    assert await world.reasons.of("payment-bad") == ["one", "poison", "three"]
    assert await world.letters.all() == []
    with pytest.raises(NoSuchLetter):
        await world.letters.replay(parked, world.reasons.unit)
    assert await world.reasons.of("payment-bad") == ["one", "poison", "three"]


async def test_a_replay_that_still_fails_says_why_and_changes_nothing(
    world: World, parked: DeadLetter
) -> None:
    with pytest.raises(NotReplayed, match="ArithmeticError: poison"):
        await world.letters.replay(parked, world.reasons.unit)

    assert await world.reasons.of("payment-bad") == ["one"]
    assert await world.letter() == parked


async def test_what_is_discarded_is_left_out_and_what_follows_is_handled(
    world: World, parked: DeadLetter
) -> None:
    await world.letters.discard(parked)
    await world.append("payment-bad", "four")
    running = asyncio.create_task(world.fleet.run())
    await world.until_handled()
    running.cancel()
    await asyncio.wait({running}, timeout=WAIT_S)

    assert await world.reasons.of("payment-bad") == ["one", "four"]
    assert await world.letters.all() == []


async def test_beside_a_worker_at_work_every_event_is_handled_once_and_in_order(
    world: World,
) -> None:
    """It goes on parking what comes behind what is parked, until the replay has gone through."""
    expected = ["poison", *(str(number) for number in range(200))]
    await world.append("payment-bad", "poison")
    running = asyncio.create_task(world.fleet.run())
    await world.until_handled()
    world.reasons.cannot.clear()

    writing = asyncio.create_task(world.append("payment-bad", *expected[1:]))
    while not writing.done() or await world.letters.all():
        for letter in await world.letters.all():
            await world.letters.replay(letter, world.reasons.unit)
        await asyncio.sleep(0.01)
    await world.until_handled()
    for letter in await world.letters.all():
        await world.letters.replay(letter, world.reasons.unit)
    running.cancel()
    await asyncio.wait({running}, timeout=WAIT_S)

    assert await world.reasons.of("payment-bad") == expected
    assert await world.letters.all() == []
