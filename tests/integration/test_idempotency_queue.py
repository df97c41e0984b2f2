"""Idempotency keys are removed once they were kept long enough, by one process, unless used since."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

import pytest

from payment_gateway.application.ports import CommandContext, EventStoreUnavailable, History
from payment_gateway.application.sagas.idempotency_loop import TRY_AGAIN_AFTER, IdempotencyLoop
from payment_gateway.domain.events.idempotency import (
    CommandAnsweredEvent,
    IdempotencyKeyClaimedEvent,
    IdempotencyKeyReleasedEvent,
)
from payment_gateway.infrastructure.messaging.idempotency_queue import MongoIdempotencyQueue
from payment_gateway.infrastructure.persistence.eventstoredb import (
    EventStoreDB,
    open_eventstoredb,
)
from payment_gateway.infrastructure.persistence.mongodb import (
    Database,
    open_session,
    transaction,
)
from tests.event_store_fixture import embedded_event_store_uri, event_store_settings
from tests.mongodb_fixture import database, mongodb_uri

__all__ = ["database", "embedded_event_store_uri", "mongodb_uri"]

NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEEP: Final = timedelta(days=2)
CONTEXT: Final = CommandContext(tenant_id="demo", actor="t", correlation_id="c", at=NOON)
CLAIMED: Final = IdempotencyKeyClaimedEvent(
    claim_id="one", fingerprint="f", external_reference="ERN-1", expires_at=NOON
)
ANSWERED: Final = CommandAnsweredEvent(claim_id="one", fingerprint="f", sealed_answer="sealed")


@pytest.fixture
async def store(embedded_event_store_uri: str) -> AsyncGenerator[EventStoreDB, None]:
    async with open_eventstoredb(event_store_settings(embedded_event_store_uri)) as opened:
        yield opened


class Keys:
    """A queue, a loop at a time of the test's choice, and one key's stream."""

    def __init__(self, database: Database, store: EventStoreDB) -> None:
        self.database, self.store = database, store
        self.queue = MongoIdempotencyQueue(database, keep=KEEP)
        self.stream = f"idempotency-{uuid4()}"
        self.now = NOON
        self.loop = IdempotencyLoop(queue=self.queue, streams=store, now=lambda: self.now)

    async def used(self) -> None:
        await self.store.append(self.stream, [CLAIMED, ANSWERED], expected=None, context=CONTEXT)
        await self.handle()

    async def handle(self) -> None:
        async with open_session(self.database) as session, transaction(session):
            await self.queue.handle((await self.history()).events, session)

    async def history(self) -> History:
        return await self.store.read(self.stream)


@pytest.fixture
async def keys(database: Database, store: EventStoreDB) -> Keys:
    made = Keys(database, store)
    await made.queue.install()
    return made


async def test_a_key_is_removed_when_it_was_kept_long_enough(keys: Keys) -> None:
    await keys.used()
    keys.now = NOON + KEEP - timedelta(seconds=1)
    assert await keys.loop.run_once() == 0
    assert (await keys.history()).revision == 1

    keys.now = NOON + KEEP
    assert await keys.loop.run_once() == 1

    assert (await keys.history()).revision is None
    keys.now += KEEP
    assert await keys.loop.run_once() == 0


async def test_one_that_is_used_again_meanwhile_is_kept(keys: Keys) -> None:
    await keys.used()
    released = IdempotencyKeyReleasedEvent(claim_id="one")
    await keys.store.append(keys.stream, [released], expected=1, context=CONTEXT)
    keys.now = NOON + KEEP
    assert await keys.loop.run_once() == 1
    assert (await keys.history()).revision == 2

    await keys.handle()  # the news come later
    assert await keys.loop.run_once() == 1
    assert (await keys.history()).revision is None


async def test_of_two_processes_one_removes_it(keys: Keys) -> None:
    await keys.used()
    keys.now = NOON + KEEP
    assert len(await keys.queue.claim(keys.now, limit=10)) == 1
    assert await keys.loop.run_once() == 0


async def test_without_the_event_store_it_is_tried_again(keys: Keys) -> None:
    class Away:
        async def remove(self, stream: str, *, expected: int) -> None:
            raise EventStoreUnavailable(stream)

    await keys.used()
    keys.now = NOON + KEEP
    away = IdempotencyLoop(queue=keys.queue, streams=Away(), now=lambda: keys.now)
    assert await away.run_once() == 1
    assert await keys.loop.run_once() == 0
    keys.now += TRY_AGAIN_AFTER
    assert await keys.loop.run_once() == 1
    assert (await keys.history()).revision is None
