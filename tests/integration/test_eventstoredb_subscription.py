"""The thread that reads a subscription: it waits for a slow reader, and ends with its subscription."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime
from urllib.parse import urlsplit
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
from tests.listening import listening

__all__ = ["embedded_event_store_uri"]

WAIT_S = 30.0
EVENTS = 200
LARGE_EVENTS = 1_500
QUIET_S = 0.5
# HTTP/2's window of 64 KiB for a stream, and as much again under way.
AHEAD_BYTES_MAX = 256 * 1024
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

    items = store.subscribe(StreamFilter(stream), after=0, ahead=7)
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


async def test_a_thread_that_waits_for_room_ends_as_well(store: EventStoreDB) -> None:
    before, stream = _threads(), f"payment-{uuid4()}"
    await store.append(stream, [FAILED] * EVENTS, expected=None, context=CONTEXT)

    items = store.subscribe(StreamFilter(stream), after=0, ahead=7)
    await anext(items)
    await items.aclose()

    async with asyncio.timeout(WAIT_S):
        while _threads() - before:
            await asyncio.sleep(0.01)


class Relay:
    """Stands between a client and the event store, and counts what the store sends."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self.sent = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what each side sends, until one of them has enough."""
        answers, requests = await asyncio.open_connection("127.0.0.1", self._upstream)
        answering = asyncio.create_task(self._pass_on(answers, writer, is_answer=True))
        try:
            await self._pass_on(reader, requests)
        finally:
            answering.cancel()
            requests.close()
            with suppress(ConnectionError):
                await requests.wait_closed()

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        is_answer: bool = False,
    ) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(65_536):
                self.sent += len(chunk) * is_answer
                writer.write(chunk)
                await writer.drain()

    async def quiet(self) -> int:
        """Return how much was sent, once nothing has come for a while."""
        before = -1
        while self.sent != before:
            before = self.sent
            await asyncio.sleep(QUIET_S)
        return before


@asynccontextmanager
async def relayed(uri: str) -> AsyncIterator[tuple[Relay, EventStoreDB]]:
    port = urlsplit(uri).port
    assert port is not None
    relay = Relay(port)
    async with listening(relay.serve) as own_port:
        near = f"esdb://127.0.0.1:{own_port}?Tls=false"
        async with open_eventstoredb(event_store_settings(near)) as store:
            yield relay, store


async def test_what_is_read_a_little_ahead_is_not_sent_by_the_megabyte(
    embedded_event_store_uri: str,
) -> None:
    stream = f"payment-{uuid4()}"
    large = PaymentFailedEvent(payment_id="p", reason="x" * 4_000)
    async with relayed(embedded_event_store_uri) as (relay, store):
        for begin in range(0, LARGE_EVENTS, 250):
            expected = begin - 1 if begin else None
            await store.append(stream, [large] * 250, expected=expected, context=CONTEXT)
        before = relay.sent

        items = store.subscribe(StreamFilter(stream), after=0, ahead=20)
        async with asyncio.timeout(WAIT_S), aclosing(items):
            await anext(items)
            sent = await relay.quiet() - before

    assert 20 * 4_000 < sent < 20 * 4_000 + AHEAD_BYTES_MAX
