"""The thread that reads a subscription: it waits for a slow reader, and ends with its subscription."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import pytest_asyncio

from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.events.payment import PaymentFailedEvent
from payment_gateway.infrastructure.persistence import eventstoredb_subscription
from payment_gateway.infrastructure.persistence.event_log import (
    LogItem,
    RecordedEvent,
    StreamFilter,
)
from payment_gateway.infrastructure.persistence.eventstoredb import EventStoreDB, open_eventstoredb
from tests.event_store_fixture import embedded_event_store_uri, event_store_settings

__all__ = ["embedded_event_store_uri"]

WAIT_S = 30.0
EVENTS = 200
FAILED = PaymentFailedEvent(payment_id="p", reason="declined")
CONTEXT = CommandContext(
    tenant_id="acme", actor="tests", correlation_id="c", at=datetime(2026, 2, 3, tzinfo=UTC)
)


@pytest_asyncio.fixture
async def store(embedded_event_store_uri: str) -> AsyncIterator[EventStoreDB]:
    async with open_eventstoredb(event_store_settings(embedded_event_store_uri)) as opened:
        yield opened


async def _follow(store: EventStoreDB) -> None:
    async for _ in store.subscribe(StreamFilter("none"), after=await store.head()):
        pass


def _threads() -> set[threading.Thread]:
    return {
        thread
        for thread in threading.enumerate()
        if thread.name == eventstoredb_subscription.THREAD
    }


async def test_what_a_slow_reader_has_not_taken_is_bounded_and_arrives_whole(
    store: EventStoreDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eventstoredb_subscription, "ITEMS_MAX", 7)
    most = 0

    class Watched(eventstoredb_subscription.LogThread):
        def _taken(self) -> list[LogItem]:
            nonlocal most
            taken = super()._taken()
            most = max(most, len(taken))
            return taken

    monkeypatch.setattr(
        "payment_gateway.infrastructure.persistence.eventstoredb.LogThread", Watched
    )
    stream = f"payment-{uuid4()}"
    await store.append(stream, [FAILED] * EVENTS, expected=None, context=CONTEXT)
    revisions: list[int] = []

    items = store.subscribe(StreamFilter(stream), after=0)
    async with asyncio.timeout(WAIT_S), aclosing(items):
        while len(revisions) < EVENTS:
            item = await anext(items)
            if isinstance(item, RecordedEvent):
                revisions.append(item.revision)

    assert revisions == list(range(EVENTS))
    assert most <= 7


async def test_a_subscription_that_is_closed_or_cancelled_leaves_no_thread_behind(
    store: EventStoreDB,
) -> None:
    before, stream = _threads(), f"payment-{uuid4()}"
    await store.append(stream, [FAILED] * EVENTS, expected=None, context=CONTEXT)

    closed = store.subscribe(StreamFilter(stream), after=0)
    await anext(closed)
    cancelled = asyncio.create_task(_follow(store))
    async with asyncio.timeout(WAIT_S):
        while len(_threads() - before) < 2:
            await asyncio.sleep(0.01)
        await closed.aclose()
        cancelled.cancel()
        await asyncio.wait({cancelled})
        while _threads() - before:
            await asyncio.sleep(0.01)


async def test_a_thread_that_waits_for_room_ends_as_well(
    store: EventStoreDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eventstoredb_subscription, "ITEMS_MAX", 7)
    before, stream = _threads(), f"payment-{uuid4()}"
    await store.append(stream, [FAILED] * EVENTS, expected=None, context=CONTEXT)

    items = store.subscribe(StreamFilter(stream), after=0)
    await anext(items)
    await items.aclose()

    async with asyncio.timeout(WAIT_S):
        while _threads() - before:
            await asyncio.sleep(0.01)
