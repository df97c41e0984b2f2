"""The event store is killed again and again while it writes; what it acknowledged must be there."""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from esdbclient import AsyncEventStoreDBClient, NewEvent, RecordedEvent, StreamState
from esdbclient.exceptions import EventStoreDBClientException

from tests.eventstore_server import EventStoreProcess, event_store_process, new_stream

ROUNDS = int(os.environ.get("EVENTSTORE_CRASH_ROUNDS", "5"))
WRITERS = 8
# A round ends with the kill, some acknowledged appends after its start.
ACKNOWLEDGED_PER_ROUND = (10, 300)
# And a moment later, so that it hits every phase of a commit.
KILL_DELAY_MAX_S = 0.02
EVENTS_PER_APPEND_MAX = 4
# One append in so many is a large one.
LARGE_APPEND_IN = 30
LARGE_APPEND_EVENTS = 120
CALL_TIMEOUT_S = 20.0


@dataclass
class Writer:
    """One stream and its only writer, who knows what it was told."""

    stream: str = field(default_factory=new_stream)
    acknowledged: dict[UUID, int] = field(default_factory=dict)
    last: int = -1
    unanswered: list[NewEvent] = field(default_factory=list)

    @property
    def expected(self) -> int | StreamState:
        return StreamState.NO_STREAM if self.last < 0 else self.last

    async def append(self, client: AsyncEventStoreDBClient, dice: random.Random) -> None:
        """Append, or send again what was not answered before the crash."""
        if not self.unanswered:
            large = dice.randrange(LARGE_APPEND_IN) == 0
            count = LARGE_APPEND_EVENTS if large else dice.randint(1, EVENTS_PER_APPEND_MAX)
            self.unanswered = [NewEvent(type="Written", data=b"{}") for _ in range(count)]
        position = await client.append_to_stream(
            self.stream,
            current_version=self.expected,
            events=self.unanswered,
            timeout=CALL_TIMEOUT_S,
        )
        for event in self.unanswered:
            self.last += 1
            self.acknowledged[event.id] = self.last
        assert position > 0
        self.unanswered = []


class Follower:
    """A subscriber that goes on from the last position it has seen."""

    def __init__(self) -> None:
        self.seen: list[RecordedEvent] = []

    async def follow(self, client: AsyncEventStoreDBClient) -> None:
        """Collect events until the server dies."""
        last = self.seen[-1].commit_position if self.seen else 0
        try:
            async with await client.subscribe_to_all(
                commit_position=last, filter_exclude=[]
            ) as subscription:
                async for event in subscription:
                    self.seen.append(event)
        except EventStoreDBClientException:
            return


async def one_round(
    process: EventStoreProcess, writers: list[Writer], follower: Follower, dice: random.Random
) -> None:
    """Write from all sides and kill the server in the middle of it."""
    client = AsyncEventStoreDBClient(process.uri)
    await client.connect()
    left = dice.randint(*ACKNOWLEDGED_PER_ROUND)
    enough = asyncio.Event()

    async def write(writer: Writer) -> None:
        nonlocal left
        try:
            while True:
                await writer.append(client, dice)
                left -= 1
                if left <= 0:
                    enough.set()
        except EventStoreDBClientException:
            return

    tasks = [asyncio.create_task(write(writer)) for writer in writers]
    tasks.append(asyncio.create_task(follower.follow(client)))
    await asyncio.wait_for(enough.wait(), CALL_TIMEOUT_S)
    await asyncio.sleep(dice.uniform(0, KILL_DELAY_MAX_S))
    process.kill()
    await asyncio.wait_for(asyncio.gather(*tasks), CALL_TIMEOUT_S)
    await client.close()


async def read_log(uri: str) -> list[RecordedEvent]:
    client = AsyncEventStoreDBClient(uri)
    await client.connect()
    log = [event async for event in await client.read_all(filter_exclude=[])]
    await client.close()
    return log


def check(log: list[RecordedEvent], writers: list[Writer]) -> None:
    """The log holds what was acknowledged, whole appends only, and nothing twice."""
    positions = [event.commit_position or 0 for event in log]
    assert 0 not in positions
    assert positions == sorted(set(positions))
    for writer in writers:
        stored = [event for event in log if event.stream_name == writer.stream]
        assert [event.stream_position for event in stored] == list(range(len(stored)))
        number = {event.id: event.stream_position for event in stored}
        assert len(number) == len(stored)
        assert writer.acknowledged.items() <= number.items()
        unanswered = {event.id for event in writer.unanswered}
        extra = number.keys() - writer.acknowledged.keys()
        assert extra in (set(), unanswered)


async def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}, {ROUNDS} rounds")
    dice = random.Random(seed)
    writers, follower = [Writer() for _ in range(WRITERS)], Follower()
    with event_store_process(tmp_path) as process:
        for _ in range(ROUNDS):
            await one_round(process, writers, follower, dice)
            process.start()
            log = await read_log(process.uri)
            check(log, writers)
            seen = [event.id for event in follower.seen]
            assert seen == [event.id for event in log[: len(seen)]]
    assert follower.seen
