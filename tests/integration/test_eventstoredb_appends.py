"""Appends share one open call; whatever becomes of it, each is stored once or its sender hears that it may not be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from esdbclient.protos.Grpc import shared_pb2

from payment_gateway.application.ports import Appended, CommandContext, EventStoreUnavailable
from payment_gateway.domain.events.payment import PaymentExpiredEvent, PaymentFailedEvent
from payment_gateway.infrastructure.persistence import eventstoredb_appends
from payment_gateway.infrastructure.persistence.eventstoredb import EventStoreDB, open_eventstoredb
from sandbox.ports import free_port
from tests.event_store_fixture import (
    embedded_event_store_uri,
    embedded_server,
    event_store_settings,
)

__all__ = ["embedded_event_store_uri"]

AT_ONCE = 50
# An append is cut off after each of so many rounds of the event loop.
ROUNDS = 12
WAIT_S = 30.0
FAILED = PaymentFailedEvent(payment_id="p", reason="declined")
EXPIRED = PaymentExpiredEvent(payment_id="p")
CONTEXT = CommandContext(
    tenant_id="acme", actor="tests", correlation_id="c", at=datetime(2026, 2, 3, tzinfo=UTC)
)


@pytest_asyncio.fixture
async def store(embedded_event_store_uri: str) -> AsyncIterator[EventStoreDB]:
    async with open_eventstoredb(event_store_settings(embedded_event_store_uri)) as opened:
        await append(opened, new_stream())  # there is a call from here on
        yield opened


def new_stream() -> str:
    return f"payment-{uuid4()}"


async def append(store: EventStoreDB, stream: str) -> Appended:
    return await store.append(stream, [FAILED, EXPIRED], expected=None, context=CONTEXT)


def begun(store: EventStoreDB, streams: list[str]) -> list[asyncio.Task[Appended]]:
    return [asyncio.create_task(append(store, stream)) for stream in streams]


async def check_stored(
    store: EventStoreDB, streams: list[str], outcomes: list[Appended | BaseException]
) -> int:
    """Check that what is said to be stored is stored, once, and whole; return how many are."""
    stored = 0
    for stream, outcome in zip(streams, outcomes, strict=True):
        history = await store.read(stream)
        assert [one.event for one in history.events] in ([], [FAILED, EXPIRED])
        if isinstance(outcome, Appended):
            assert history.events[-1].position == outcome.position
            stored += 1
        else:
            assert isinstance(outcome, EventStoreUnavailable | asyncio.CancelledError)
    return stored


async def rounds(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_many_at_once_share_one_call(store: EventStoreDB) -> None:
    call, streams = store._appends._call, [new_stream() for _ in range(AT_ONCE)]
    outcomes = await asyncio.gather(*begun(store, streams), return_exceptions=True)

    assert await check_stored(store, streams, outcomes) == AT_ONCE
    assert store._appends._call is call


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_one_that_is_given_up_disturbs_no_other(store: EventStoreDB, number: int) -> None:
    call, streams = store._appends._call, [new_stream() for _ in range(3)]
    tasks = begun(store, streams)
    await rounds(number)
    tasks[1].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert await check_stored(store, streams, outcomes) >= len(streams) - 1
    await append(store, new_stream())
    assert store._appends._call is call


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_where_the_client_connects_anew_each_is_stored_once(
    store: EventStoreDB, number: int
) -> None:
    call, streams = store._appends._call, [new_stream() for _ in range(AT_ONCE)]
    tasks = begun(store, streams)
    await rounds(number)
    await store._client.reconnect()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert await check_stored(store, streams, outcomes) == AT_ONCE
    await append(store, new_stream())
    assert store._appends._call is not call


async def test_over_a_connection_that_was_closed_the_client_makes_another(
    store: EventStoreDB,
) -> None:
    call = store._appends._call
    assert call is not None
    call.retire()
    await store._client._connection.close()
    streams = [new_stream() for _ in range(3)]
    outcomes = await asyncio.gather(*begun(store, streams), return_exceptions=True)

    assert await check_stored(store, streams, outcomes) == len(streams)


async def test_a_call_without_an_answer_is_left_to_those_who_wait_and_ends_with_the_last(
    store: EventStoreDB,
) -> None:
    call = store._appends._call
    assert call is not None
    slow = begun(store, [new_stream() for _ in range(3)])
    await rounds(1)
    call.retire()
    assert not call.is_over
    await append(store, new_stream())

    assert store._appends._call is not call
    assert all(isinstance(one, Appended) for one in await asyncio.gather(*slow))
    async with asyncio.timeout(WAIT_S):
        await call.over()


async def test_what_is_more_than_one_call_takes_goes_over_others(
    store: EventStoreDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eventstoredb_appends, "UNDER_WAY_MAX", 2)
    streams = [new_stream() for _ in range(AT_ONCE)]
    outcomes = await asyncio.gather(*begun(store, streams), return_exceptions=True)

    assert await check_stored(store, streams, outcomes) == AT_ONCE


async def test_while_the_server_stops_and_starts_nothing_is_lost_or_stored_twice(
    tmp_path: Path,
) -> None:
    port = free_port()
    streams: list[str] = []
    outcomes: list[Appended | BaseException] = []

    async def appends(store: EventStoreDB, until: asyncio.Event) -> None:
        while not until.is_set():
            streams.append(stream := new_stream())
            place = len(outcomes)
            outcomes.append(EventStoreUnavailable("under way"))
            try:
                outcomes[place] = await append(store, stream)
            except EventStoreUnavailable as error:
                outcomes[place] = error
                await asyncio.sleep(0.01)  # as a caller would wait

    async with asyncio.timeout(WAIT_S):
        with ExitStack() as first:
            uri = first.enter_context(embedded_server(tmp_path / "log", port=port))
            async with open_eventstoredb(event_store_settings(uri)) as store:
                over = asyncio.Event()
                senders = [asyncio.create_task(appends(store, over)) for _ in range(8)]
                while not any(isinstance(one, Appended) for one in outcomes):
                    await asyncio.sleep(0.01)
                await asyncio.to_thread(first.close)
                before, call = len(outcomes), store._appends._call
                with embedded_server(tmp_path / "log", port=port):
                    while not any(isinstance(one, Appended) for one in outcomes[before:]):
                        await asyncio.sleep(0.01)
                    over.set()
                    await asyncio.gather(*senders)
                    stored = await check_stored(store, streams, outcomes)
                    assert store._appends._call is not call
    assert stored > before, "they went on"


def test_an_id_may_come_back_as_a_text_or_as_two_numbers() -> None:
    id_ = UUID("f0000000-0000-4000-8000-00000000000f")
    structured = shared_pb2.UUID.Structured(
        most_significant_bits=int.from_bytes(id_.bytes[:8], signed=True),
        least_significant_bits=int.from_bytes(id_.bytes[8:], signed=True),
    )
    for sent in (shared_pb2.UUID(string=str(id_)), shared_pb2.UUID(structured=structured)):
        assert eventstoredb_appends._number(sent) == id_.int
