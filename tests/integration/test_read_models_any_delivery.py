"""However the log is delivered (any cuts, repetitions, crashes), the documents are the fold of the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.errors import AutoReconnect

from payment_gateway.application.ports import EventStoreUnavailable
from payment_gateway.infrastructure.messaging.subscription import Handler, Subscription
from payment_gateway.infrastructure.persistence.event_log import (
    CaughtUp,
    Checkpoint,
    EventFilter,
    LogItem,
    RecordedEvent,
)
from payment_gateway.infrastructure.persistence.mongodb import Database, Document, Session
from projections.document_writer import DocumentWriter
from projections.generations import Generation, matching
from projections.read_model import TOTALS, Key, ReadModel, fold, has_counts, sum_totals
from projections.worker import READ_MODELS
from tests.integration.sums import without_zeros
from tests.mongodb_fixture import database, mongodb_uri
from tests.unit.projections.payment_logs import logs

__all__ = ["database", "mongodb_uri"]

WAIT_S = 60.0
EXAMPLES = 20
GENERATIONS = count(1)


@dataclass
class Troubled:
    """A log that hands out what it has in pieces, some of it again, and breaks off between them.

    Attributes:
        cuts: After so many events a piece ends; the next one comes when it is committed.
        repeats: How far before the position asked for each subscription begins, one after the other.
        breaks: After how many events each subscription ends, one after the other; then none does.
    """

    events: Sequence[RecordedEvent]
    cuts: frozenset[int]
    repeats: list[int]
    breaks: list[int]
    committed: list[int] = field(default_factory=list)

    async def subscribe(
        self,
        matching: EventFilter,
        *,
        after: int,
        types: frozenset[str] | None = None,
        ahead: int = 0,
    ) -> AsyncGenerator[LogItem, None]:
        begin = max(0, after - (self.repeats.pop() if self.repeats else 0))
        left = self.breaks.pop() if self.breaks else len(self.events) + 1
        for event in self.events[begin:]:
            if left == 0:
                raise EventStoreUnavailable("broken off")
            left -= 1
            wanted = types is None or event.type in types
            yield event if wanted else Checkpoint(event.position)
            while event.position in self.cuts and self.committed[-1] < event.position:
                await asyncio.sleep(0.001)
        yield CaughtUp()
        await asyncio.Event().wait()

    async def head(self) -> int:
        return len(self.events)


def crashing(handler: Handler, crashes: list[int]) -> Handler:
    """Return the handler with a server that goes away after it has written, when it is told to."""
    calls = count()

    async def handle(events: Sequence[RecordedEvent], session: Session) -> None:
        await handler(events, session)
        if next(calls) in crashes:
            raise AutoReconnect("connection closed")

    return handle


async def stored(
    database: Database, model: ReadModel, generation: Generation
) -> dict[Key, Document]:
    found: dict[Key, Document] = {}
    for part in model.parts:
        async for document in database[generation.collection(part)].find():
            if part != TOTALS:
                found[Key(document["_id"], part)] = document
            elif has_counts(document):
                found[Key(document["_id"], part)] = without_zeros(document)
    return found


@pytest.mark.parametrize("model", READ_MODELS.values(), ids=list(READ_MODELS))
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
async def test_any_cuts_repetitions_and_crashes_give_the_documents_of_an_undisturbed_fold(
    model: ReadModel, database: Database, data: st.DataObject
) -> None:
    whole = data.draw(logs())
    events = whole[: data.draw(st.integers(0, len(whole)), label="prefix")]
    places = st.integers(0, max(1, len(events)))
    log = Troubled(
        events=events,
        cuts=frozenset(data.draw(st.sets(places, max_size=6), label="cuts")),
        repeats=data.draw(st.lists(places, max_size=3), label="repeats"),
        breaks=data.draw(st.lists(places, max_size=2), label="breaks"),
    )
    crashes = data.draw(st.lists(st.integers(0, 6), max_size=2), label="crashes")
    generation = Generation(
        model=model.name, version=model.version, number=next(GENERATIONS), partitions=1
    )
    writer = DocumentWriter(database, model, generation)
    await writer.install()
    subscription = Subscription(
        name=generation.subscription(0),
        matching=matching(model, generation, 0),
        types=model.events,
        handler=crashing(writer, crashes),
        log=log,
        database=database,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("payment_gateway.infrastructure.messaging.backoff.BASE_S", 0.001)
        patch.setattr(
            "payment_gateway.infrastructure.messaging.subscription.IDLE_CHECKPOINT_EVERY_S", 0.001
        )
        patch.setattr("payment_gateway.infrastructure.messaging.batches.FILLED_WITHIN_S", 0.0)
        await follow(subscription, log)

    expected = fold(model, events)
    for id_, total in sum_totals(model, expected).items():
        expected[Key(id_, TOTALS)] = without_zeros(total)
    assert await stored(database, model, generation) == expected
    assert subscription.status.parked == 0


async def follow(subscription: Subscription, log: Troubled) -> None:
    running: asyncio.Task[None] = asyncio.create_task(subscription.run())
    try:
        async with asyncio.timeout(WAIT_S):
            while subscription.status.position < len(log.events):
                log.committed.append(subscription.status.position)
                assert not running.done(), running.exception()
                await asyncio.sleep(0.001)
    finally:
        log.committed.append(len(log.events))
        running.cancel()
        await asyncio.wait({running}, timeout=WAIT_S)
