"""Events for whoever sends them otherwise than as a stream: each once and in order, however slowly they are taken."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest

from payment_gateway.domain.errors import InvalidValue
from projections.event_follower import Followed, follow_events
from projections.event_streams import EventStreams
from projections.generations import Shown
from projections.positions import Positions
from tests.integration.event_subscriber import WITHIN_S
from tests.integration.query_gateway import gateway
from tests.integration.test_event_streams import Feed, feed
from tests.mongodb_fixture import mongodb_uri

__all__ = ["feed", "gateway", "mongodb_uri"]

TICK_S = 0.05


def told(taken: list[Followed]) -> list[Any]:
    return [json.loads(one.answer) for one in taken]


async def test_they_come_as_pages_show_them_and_go_on_after_a_cursor(feed: Feed) -> None:
    await feed.happen(1)
    streams, taken = feed.gateway.streams, list[Followed]()
    async with asyncio.timeout(WITHIN_S):
        async with aclosing(follow_events(streams, "acme", None, (), within_s=TICK_S)) as batches:
            async for batch in batches:
                taken += batch
                if len(taken) == 6:
                    break
        await feed.happen(1)
        after = taken[3].cursor
        async with aclosing(follow_events(streams, "acme", after, (), within_s=TICK_S)) as batches:
            taken = taken[:4]
            async for batch in batches:
                taken += batch
                if len(taken) == 12:
                    break
    assert told(taken) == await feed.written()
    assert streams.count == 0


async def test_who_takes_them_slowly_misses_nothing(feed: Feed) -> None:
    """What has left memory meanwhile is read again, from the place where they are."""
    database = feed.gateway.database
    streams = EventStreams(database, Shown(database), Positions(database), entries_max=10)
    taken: list[Followed] = []
    batches = follow_events(streams, "acme", None, (), within_s=TICK_S)
    async with asyncio.timeout(WITHIN_S), aclosing(batches):
        await feed.happen(1)
        while len(taken) < 6:
            taken += await anext(batches)
        await feed.happen(4)
        tail, _ = streams._tails["acme"]  # memory is past them before the next is taken
        while tail.reaches_back_to(6):
            await asyncio.sleep(0.01)
        while len(taken) < 30:
            taken += await anext(batches)
    assert told(taken) == await feed.written()


async def test_nothing_comes_now_and_then_so_that_access_can_be_looked_at(feed: Feed) -> None:
    batches = follow_events(feed.gateway.streams, "acme", None, (), within_s=TICK_S)
    async with asyncio.timeout(WITHIN_S), aclosing(batches):
        assert [await anext(batches) for _ in range(3)] == [[], [], []]


async def test_a_cursor_that_is_gone_is_refused(feed: Feed) -> None:
    await feed.happen(1)
    batches = follow_events(feed.gateway.streams, "acme", "nowhere", (), within_s=TICK_S)
    with pytest.raises(InvalidValue):
        await anext(batches)


async def test_they_end_as_the_process_stops(feed: Feed) -> None:
    batches = follow_events(feed.gateway.streams, "acme", None, (), within_s=60.0)
    async with asyncio.timeout(WITHIN_S), aclosing(batches):
        waiting = asyncio.create_task(anext(batches, None))
        while not feed.gateway.streams.count:
            await asyncio.sleep(0.01)
        feed.gateway.streams.end()
        while (last := await waiting) == []:
            waiting = asyncio.create_task(anext(batches, None))
    assert last is None
