"""Following a tenant's events: each once and in order, whatever happens to connections and readers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
import uvicorn

from projections import event_stream_response, event_streams
from projections.cursor import encode_place
from projections.event_feed import MODEL
from projections.event_feed_queries import Place, entries_after
from projections.event_streams import EventStreams
from projections.feed_reader import Batch, Ending
from projections.generations import Shown
from projections.positions import Positions
from sandbox.ports import free_port
from tests.integration.event_subscriber import WITHIN_S, Message, Subscriber
from tests.integration.query_gateway import (
    Gateway,
    first_generation,
    gateway,
    initiated,
    paid,
)
from tests.mongodb_fixture import mongodb_uri

__all__ = ["gateway", "mongodb_uri"]

DISCONNECTIONS: Final = 100


@dataclass
class Feed:
    """A tenant's feed behind a real server."""

    gateway: Gateway
    url: str

    async def happen(self, payments: int, tenant_id: str = "acme") -> None:
        """Let so many payments be made and paid, 6 events each, and shown."""
        for _ in range(payments):
            payment_id = str(uuid4())
            first = initiated(payment_id, tenant_id=tenant_id)
            await self.gateway.record(first, *paid(payment_id), tenant_id=tenant_id)
            await self.gateway.database["checkpoints"].update_one(
                {"_id": first_generation(MODEL).subscription(0)},
                {"$inc": {"position": 1}},
                upsert=True,
            )

    def subscriber(self, tenant_id: str = "acme", **params: str) -> Subscriber:
        return Subscriber(f"{self.url}/events", {"X-Tenant": tenant_id}, params)

    async def written(self, tenant_id: str = "acme") -> list[Any]:
        """Return the whole feed, page by page."""
        found: list[Any] = []
        cursor: dict[str, str] = {}
        headers = {"X-Tenant": tenant_id}
        async with httpx.AsyncClient(headers=headers, verify=False) as http:
            while True:
                page = (await http.get(f"{self.url}/events", params=cursor)).json()
                found += page["data"]
                if page["nextCursor"] is None:
                    return found
                cursor = {"cursor": page["nextCursor"]}


@pytest.fixture
async def feed(gateway: Gateway) -> AsyncGenerator[Feed, None]:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(gateway.app, port=port, log_config=None))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(WITHIN_S):
        while not server.started:
            await asyncio.sleep(0.01)
    yield Feed(gateway, f"http://127.0.0.1:{port}/api/v1")
    gateway.streams.end()
    server.should_exit = True
    await serving


def told(messages: list[Message]) -> list[Any]:
    assert {message.event for message in messages} <= {"message"}
    return [message.data for message in messages]


async def test_events_come_as_pages_show_them_and_keep_coming(feed: Feed) -> None:
    await feed.happen(2)
    async with asyncio.timeout(WITHIN_S), feed.subscriber().connected() as messages:
        before = [await anext(messages) for _ in range(12)]
        await feed.happen(2)
        after = [await anext(messages) for _ in range(12)]
    assert told(before + after) == await feed.written()
    assert len({message.id for message in before + after}) == 24


async def test_who_was_away_for_longer_than_memory_reaches_misses_nothing(feed: Feed) -> None:
    """More than one page, read from the database before what is in memory."""
    subscriber = feed.subscriber()
    await feed.happen(40)
    messages = await subscriber.take(3)
    async with feed.subscriber().connected() as others:  # so that there is a tail to join
        await anext(others)
        await feed.happen(5)
        messages += await subscriber.take(45 * 6 - 3)
    assert told(messages) == await feed.written()


async def test_a_reader_disconnected_at_random_gets_each_event_once_and_in_order(
    feed: Feed,
) -> None:
    chance = random.Random(20_260_203)
    subscriber = feed.subscriber()
    payments = 100
    messages: list[Message] = []
    writing = asyncio.create_task(feed.happen(payments))
    for _ in range(DISCONNECTIONS):
        async with subscriber.connected() as coming:
            for _ in range(chance.randrange(6)):
                try:
                    async with asyncio.timeout(chance.uniform(0.001, 0.2)):
                        messages.append(await anext(coming))
                except TimeoutError:
                    break
    assert messages, "something came while it was written"
    await writing
    messages += await subscriber.take(payments * 6 - len(messages))
    assert told(messages) == await feed.written()


async def test_only_the_wanted_types_come_and_the_cursor_moves_over_the_others(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream_response, "HEARTBEAT_EVERY_S", 0.1)
    monkeypatch.setattr(event_stream_response, "ACCESS_CHECKED_EVERY_S", 0.1)
    await feed.happen(2)
    subscriber = feed.subscriber(types="PaymentCompleted,RefundCompleted")
    async with asyncio.timeout(WITHIN_S), subscriber.connected() as messages:
        types = [(await anext(messages)).data["type"] for _ in range(4)]
        assert types == ["PaymentCompleted", "RefundCompleted"] * 2
        reading = asyncio.create_task(anext(messages))
        await feed.gateway.record(initiated())
        newest = (await feed.written())[-1]
        wanted = encode_place("acme", Place(13, newest["id"]))
        while subscriber.last_id != wanted:
            await asyncio.sleep(0.02)
        assert subscriber.comments > 0
        reading.cancel()


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        encode_place("acme", Place(3, "another-event")),
        encode_place("acme", Place(3_000, "later")),
        encode_place("other", Place(1, "x")),
        "A" * 900,
    ],
)
async def test_a_cursor_that_is_gone_is_told_and_all_begins_again(feed: Feed, cursor: str) -> None:
    await feed.happen(1)
    for subscriber in (feed.subscriber(), feed.subscriber(cursor=cursor)):
        if not subscriber.params:
            subscriber.last_id = cursor
        messages = await subscriber.take(7)
        assert (messages[0].event, messages[0].data) == ("reset", {"reason": "cursor_gone"})
        assert told(messages[1:]) == await feed.written()


async def test_readers_are_told_when_the_feed_is_counted_anew(feed: Feed) -> None:
    """A rebuild may put events that had been parked in another place."""
    await feed.happen(2)
    entries = feed.gateway.collection(MODEL)
    async with asyncio.timeout(WITHIN_S), feed.subscriber().connected() as messages:
        for _ in range(12):
            await anext(messages)
        building = feed.gateway.database[f"{MODEL.name}_g2"]
        await building.insert_many(
            [
                {**entry, "sequence": 13 - entry["sequence"]}
                async for entry in entries.find().sort("sequence", -1)
            ]
        )
        await feed.gateway.database["read_models"].update_one(
            {"_id": f"{MODEL.name}@{MODEL.version}"}, {"$set": {"active.number": 2}}
        )
        try:
            assert (await anext(messages)).event == "reset"
            again = [(await anext(messages)).data for _ in range(12)]
            assert again == await feed.written()
        finally:
            await feed.gateway.database["read_models"].update_one(
                {"_id": f"{MODEL.name}@{MODEL.version}"}, {"$set": {"active.number": 1}}
            )
            await building.drop()


async def test_a_tenant_gets_its_own_events_alone(feed: Feed) -> None:
    await feed.happen(1, "rival")
    async with asyncio.timeout(WITHIN_S), feed.subscriber().connected() as messages:
        await feed.happen(1, "rival")
        await feed.happen(1, "acme")
        await feed.happen(1, "rival")
        mine = [await anext(messages) for _ in range(6)]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await anext(messages)
    assert told(mine) == await feed.written("acme")


async def test_a_stream_ends_soon_after_its_key_was_revoked(feed: Feed) -> None:
    await feed.happen(1)
    reading = asyncio.create_task(feed.subscriber().take_all())
    while not feed.gateway.streams.count:
        await asyncio.sleep(0.01)
    feed.gateway.allowed = False
    last = (await reading)[-1]
    assert (last.event, last.data) == ("closed", {"reason": "unauthorized"})
    assert feed.gateway.streams.count == 0


async def test_a_process_that_stops_sends_its_readers_away(feed: Feed) -> None:
    subscriber = feed.subscriber()
    reading = asyncio.create_task(subscriber.take_all())
    while not feed.gateway.streams.count:
        await asyncio.sleep(0.01)
    feed.gateway.streams.end()
    (last,) = await reading
    assert (last.event, last.data) == ("reconnect", {"reason": "shutting_down"})
    assert subscriber.retry_ms is not None
    assert subscriber.retry_ms >= event_stream_response.RECONNECT_AFTER_MS


async def test_a_stream_too_many_is_refused(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "STREAMS_PER_TENANT_MAX", 2)
    accept = {"Accept": "text/event-stream"}
    async with feed.subscriber().connected(), feed.subscriber().connected():
        refused = await feed.gateway.get("/events", headers=accept)
        assert refused.json()["code"] == "too_many_streams"
        async with feed.subscriber("rival").connected():
            assert feed.gateway.streams.count == 3
    async with asyncio.timeout(WITHIN_S):
        while feed.gateway.streams.count:
            await asyncio.sleep(0.01)
    await feed.happen(1)
    assert len(await feed.subscriber().take(6)) == 6


async def test_one_look_at_the_feed_serves_all_readers(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    look = entries_after

    async def counted(*args: Any) -> Any:
        nonlocal looks
        looks += 1
        return await look(*args)

    readers = [asyncio.create_task(feed.subscriber().take(12)) for _ in range(20)]
    while feed.gateway.streams.count < len(readers):
        await asyncio.sleep(0.01)
    monkeypatch.setattr(event_streams, "entries_after", counted)
    await feed.happen(2)
    taken = await asyncio.gather(*readers)
    written = await feed.written()
    assert all(told(messages) == written for messages in taken)
    assert looks <= 10, "not one for each reader"


async def test_a_slow_reader_is_told_to_come_again_and_slows_nobody_down(feed: Feed) -> None:
    """Its own place is kept, so that it misses nothing when it comes again."""
    gateway = feed.gateway
    streams = EventStreams(
        gateway.database, Shown(gateway.database), Positions(gateway.database), entries_max=10
    )
    async with (
        streams.reader("acme", None, ()) as slow,
        streams.reader("acme", None, ()) as quick,
        asyncio.timeout(WITHIN_S),
    ):
        assert await slow.next(0.01) == await quick.next(0.01)
        kept: list[Any] = []
        for _ in range(3):
            await feed.happen(1)
            end = len(kept) + 6
            while len(kept) < end:
                batch = await quick.next(0.1)
                assert isinstance(batch, Batch)
                kept += batch.entries
        assert await slow.next(0.01) is Ending.TOO_SLOW
    assert [entry.place.sequence for entry in kept] == list(range(1, 19))
