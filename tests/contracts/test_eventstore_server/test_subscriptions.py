"""Catch-up subscriptions: no gap and no repeat, whatever is written meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from esdbclient import CaughtUp, Checkpoint, StreamState
from esdbclient.exceptions import StreamIsDeleted

from tests.eventstore_server import Caller, new_events, new_stream

ANY = StreamState.ANY
EVERYTHING: dict[str, Any] = {"filter_exclude": []}


async def append(caller: Caller, stream: str, count: int, event_type: str = "Happened") -> int:
    position: int = await caller(
        "append_to_stream", stream, current_version=ANY, events=new_events(count, event_type)
    )
    return position


async def end(caller: Caller) -> int:
    position: int = await caller("get_commit_position", **EVERYTHING)
    return position


class TestOfTheLog:
    async def test_starts_after_the_given_position(self, caller: Caller) -> None:
        stream = new_stream()
        await append(caller, stream, 3)
        stored = await caller("get_stream", stream)
        subscription = await caller(
            "subscribe_to_all", commit_position=stored[0].commit_position, **EVERYTHING
        )
        taken = await caller.take(subscription, 2)
        assert [event.id for event in taken] == [event.id for event in stored[1:]]
        await caller.stop(subscription)

    async def test_from_zero_delivers_everything(self, caller: Caller) -> None:
        whole = await caller.all_of(await caller("read_all", **EVERYTHING))
        subscription = await caller("subscribe_to_all", commit_position=0, **EVERYTHING)
        taken = await caller.take(subscription, len(whole))
        assert [event.id for event in taken] == [event.id for event in whole]
        await caller.stop(subscription)

    async def test_from_the_end_delivers_what_is_written_after_it_was_confirmed(
        self, caller: Caller
    ) -> None:
        await append(caller, new_stream(), 2)
        subscription = await caller("subscribe_to_all", from_end=True, **EVERYTHING)
        stream = new_stream()
        await append(caller, stream, 2)
        taken = await caller.take(subscription, 2)
        assert [(event.stream_name, event.stream_position) for event in taken] == [
            (stream, 0),
            (stream, 1),
        ]
        await caller.stop(subscription)

    async def test_says_when_it_has_caught_up_and_goes_on(self, caller: Caller) -> None:
        start = await end(caller)
        await append(caller, new_stream(), 2)
        subscription = await caller(
            "subscribe_to_all", commit_position=start, include_caught_up=True, **EVERYTHING
        )
        kinds = [type(event) for event in await caller.take(subscription, 3)]
        assert kinds[2] is CaughtUp
        assert CaughtUp not in kinds[:2]
        position = await append(caller, new_stream(), 1)
        assert (await caller.take(subscription, 1))[0].commit_position == position
        await caller.stop(subscription)

    async def test_neither_misses_nor_repeats_while_others_write(self, caller: Caller) -> None:
        start = await end(caller)
        await append(caller, new_stream(), 300)

        async def write() -> None:
            for _ in range(10):
                await append(caller, new_stream(), 7)

        writers = [asyncio.create_task(write()) for _ in range(4)]
        subscription = await caller("subscribe_to_all", commit_position=start, **EVERYTHING)
        taken = await caller.take(subscription, 300 + 4 * 10 * 7)
        await asyncio.gather(*writers)
        read = await caller("read_all", commit_position=start, **EVERYTHING)
        stored = [e for e in await caller.all_of(read) if e.commit_position > start]
        assert [event.id for event in taken] == [event.id for event in stored]
        await caller.stop(subscription)


class TestFilteredOfTheLog:
    async def test_delivers_only_what_matches_then_and_now(self, caller: Caller) -> None:
        start = await end(caller)
        await append(caller, new_stream(), 2, "Wanted")
        await append(caller, new_stream(), 2, "Other")
        subscription = await caller(
            "subscribe_to_all", commit_position=start, filter_include=["Wanted"]
        )
        assert {e.type for e in await caller.take(subscription, 2)} == {"Wanted"}
        await append(caller, new_stream(), 2, "Other")
        last = await append(caller, new_stream(), 1, "Wanted")
        assert (await caller.take(subscription, 1))[0].commit_position == last
        await caller.stop(subscription)

    async def test_by_stream_name(self, caller: Caller) -> None:
        start = await end(caller)
        await append(caller, new_stream("left"), 2)
        wanted = new_stream("right")
        await append(caller, wanted, 2)
        subscription = await caller(
            "subscribe_to_all",
            commit_position=start,
            filter_include=["right-.+"],
            filter_by_stream_name=True,
        )
        taken = await caller.take(subscription, 2)
        assert [(e.stream_name, e.stream_position) for e in taken] == [(wanted, 0), (wanted, 1)]
        await caller.stop(subscription)

    async def test_checkpoints_come_even_if_nothing_matches(self, caller: Caller) -> None:
        """At least one for every window of considered events, and one at the end of history."""
        start = await end(caller)
        last = await append(caller, new_stream(), 40, "Other")
        subscription = await caller(
            "subscribe_to_all",
            commit_position=start,
            filter_include=["NeverWritten"],
            include_checkpoints=True,
            include_caught_up=True,
            window_size=10,
            checkpoint_interval_multiplier=1,
        )
        taken = await self._until_caught_up(caller, subscription)
        checkpoints = [event.commit_position for event in taken]
        assert len(checkpoints) >= 4
        assert checkpoints == sorted(set(checkpoints))
        assert checkpoints[-1] == last
        await caller.stop(subscription)

    async def test_checkpoints_never_run_ahead_of_what_was_delivered(self, caller: Caller) -> None:
        start = await end(caller)
        for _ in range(6):
            await append(caller, new_stream(), 1, "Wanted")
            await append(caller, new_stream(), 5, "Other")
        last = await end(caller)
        subscription = await caller(
            "subscribe_to_all",
            commit_position=start,
            filter_include=["Wanted"],
            include_checkpoints=True,
            include_caught_up=True,
            window_size=4,
            checkpoint_interval_multiplier=1,
        )
        taken = await self._until_caught_up(caller, subscription)
        positions = [event.commit_position for event in taken]
        assert positions == sorted(positions)
        assert positions[-1] <= last
        assert len([event for event in taken if not isinstance(event, Checkpoint)]) == 6
        await caller.stop(subscription)

    async def test_going_on_from_a_checkpoint_loses_nothing(self, caller: Caller) -> None:
        start = await end(caller)
        await append(caller, new_stream(), 25, "Other")
        options = {"filter_include": ["Wanted"], "window_size": 5}
        first = await caller(
            "subscribe_to_all",
            commit_position=start,
            include_checkpoints=True,
            include_caught_up=True,
            checkpoint_interval_multiplier=1,
            **options,
        )
        checkpoint = (await self._until_caught_up(caller, first))[-1].commit_position
        await caller.stop(first)
        await append(caller, new_stream(), 3, "Wanted")
        second = await caller("subscribe_to_all", commit_position=checkpoint, **options)
        assert len(await caller.take(second, 3)) == 3
        await caller.stop(second)

    async def _until_caught_up(self, caller: Caller, subscription: Any) -> list[Any]:
        taken: list[Any] = []
        while True:
            event = (await caller.take(subscription, 1))[0]
            if isinstance(event, CaughtUp):
                return taken
            taken.append(event)


class TestOfAStream:
    async def test_starts_after_the_given_number(self, caller: Caller) -> None:
        stream = new_stream()
        await append(caller, stream, 4)
        subscription = await caller("subscribe_to_stream", stream, stream_position=1)
        taken = await caller.take(subscription, 2)
        assert [event.stream_position for event in taken] == [2, 3]
        await append(caller, stream, 1)
        assert (await caller.take(subscription, 1))[0].stream_position == 4
        await caller.stop(subscription)

    async def test_from_the_end(self, caller: Caller) -> None:
        stream = new_stream()
        await append(caller, stream, 2)
        subscription = await caller("subscribe_to_stream", stream, from_end=True)
        await append(caller, stream, 1)
        assert (await caller.take(subscription, 1))[0].stream_position == 2
        await caller.stop(subscription)

    async def test_waits_for_a_stream_that_does_not_exist_yet(self, caller: Caller) -> None:
        stream = new_stream()
        subscription = await caller("subscribe_to_stream", stream, include_caught_up=True)
        assert isinstance((await caller.take(subscription, 1))[0], CaughtUp)
        await append(caller, new_stream(), 1)
        await append(caller, stream, 1)
        event = (await caller.take(subscription, 1))[0]
        assert (event.stream_name, event.stream_position) == (stream, 0)
        await caller.stop(subscription)

    async def test_of_a_tombstoned_stream_is_refused(self, caller: Caller) -> None:
        stream = new_stream()
        await append(caller, stream, 1)
        await caller("tombstone_stream", stream, current_version=0)
        subscribed = await asyncio.gather(
            caller("subscribe_to_stream", stream), return_exceptions=True
        )
        assert isinstance(subscribed[0], StreamIsDeleted)

    async def test_ends_when_the_stream_is_tombstoned(self, caller: Caller) -> None:
        stream = new_stream()
        subscription = await caller("subscribe_to_stream", stream, include_caught_up=True)
        await caller.take(subscription, 1)
        await append(caller, stream, 1)
        assert len(await caller.take(subscription, 1)) == 1
        await caller("tombstone_stream", stream, current_version=0)
        assert (await caller.take(subscription, 1))[0].type == "$streamDeleted"
        with pytest.raises(StreamIsDeleted):
            await caller.take(subscription, 1)
        await caller.stop(subscription)
