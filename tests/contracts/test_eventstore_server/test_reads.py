"""Reads of a stream and of the whole log: directions, limits, starts beyond the ends, filters."""

from __future__ import annotations

from typing import Any

import pytest
from esdbclient import NewEvent, StreamState
from esdbclient.exceptions import NotFound, StreamIsDeleted

from tests.eventstore_server import Caller, connect, new_events, new_stream

NO_STREAM = StreamState.NO_STREAM
EVERYTHING: dict[str, Any] = {"filter_exclude": []}


async def written(caller: Caller, stream: str, count: int, event_type: str = "Happened") -> int:
    """Write a new stream; return the position of its last event."""
    position: int = await caller(
        "append_to_stream",
        stream,
        current_version=NO_STREAM,
        events=new_events(count, event_type),
    )
    return position


async def log(caller: Caller, **options: Any) -> list[Any]:
    return await caller.all_of(await caller("read_all", **options))


def numbers(events: Any) -> list[int]:
    return [event.stream_position for event in events]


class TestStream:
    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, [0, 1, 2, 3, 4]),
            ({"stream_position": 2}, [2, 3, 4]),
            ({"limit": 2}, [0, 1]),
            ({"stream_position": 3, "limit": 1}, [3]),
            ({"stream_position": 5}, []),
            ({"stream_position": 10**18}, []),
            ({"backwards": True}, [4, 3, 2, 1, 0]),
            ({"backwards": True, "stream_position": 2}, [2, 1, 0]),
            ({"backwards": True, "stream_position": 99}, [4, 3, 2, 1, 0]),
            ({"backwards": True, "limit": 1}, [4]),
            ({"backwards": True, "stream_position": 0}, [0]),
        ],
    )
    async def test_is_read_from_a_number_both_ways(
        self, caller: Caller, options: dict[str, Any], expected: list[int]
    ) -> None:
        stream = new_stream()
        await written(caller, stream, 5)
        assert numbers(await caller("get_stream", stream, **options)) == expected

    @pytest.mark.parametrize("options", [{}, {"backwards": True}, {"stream_position": 7}])
    async def test_that_was_never_written_is_not_found(
        self, caller: Caller, options: dict[str, Any]
    ) -> None:
        with pytest.raises(NotFound):
            await caller("get_stream", new_stream(), **options)

    async def test_of_any_length_comes_complete_and_in_order(self, caller: Caller) -> None:
        stream = new_stream()
        await written(caller, stream, 1300)
        assert numbers(await caller("get_stream", stream)) == list(range(1300))
        backwards = await caller("get_stream", stream, backwards=True, limit=1200)
        assert numbers(backwards) == list(range(1299, 99, -1))

    async def test_of_large_events_comes_complete(self, caller: Caller) -> None:
        stream = new_stream()
        for expected in (NO_STREAM, 0, 1, 2):
            event = NewEvent(type="Large", data=b"x" * 900_000)
            await caller("append_to_stream", stream, current_version=expected, events=[event])
        assert [len(event.data) for event in await caller("get_stream", stream)] == [900_000] * 4


class TestLog:
    async def test_forwards_includes_the_position_it_starts_at(self, caller: Caller) -> None:
        stream = new_stream()
        await written(caller, stream, 3)
        positions = [event.commit_position for event in await caller("get_stream", stream)]
        read = await log(caller, commit_position=positions[1], limit=2, **EVERYTHING)
        assert [event.commit_position for event in read] == positions[1:]

    async def test_backwards_excludes_the_position_it_starts_at(self, caller: Caller) -> None:
        stream = new_stream()
        await written(caller, stream, 3)
        positions = [event.commit_position for event in await caller("get_stream", stream)]
        read = await log(
            caller, commit_position=positions[2], backwards=True, limit=2, **EVERYTHING
        )
        assert [event.commit_position for event in read] == positions[1::-1]

    async def test_backwards_from_the_end_begins_with_the_last_event(self, caller: Caller) -> None:
        position = await written(caller, new_stream(), 2)
        read = await log(caller, backwards=True, limit=1, **EVERYTHING)
        assert read[0].commit_position == position
        assert await caller("get_commit_position", **EVERYTHING) == position

    async def test_forwards_and_backwards_are_the_same_events(self, caller: Caller) -> None:
        await written(caller, new_stream(), 600)
        forwards = await log(caller, **EVERYTHING)
        backwards = await log(caller, backwards=True, **EVERYTHING)
        assert [event.id for event in backwards] == [event.id for event in reversed(forwards)]
        positions = [event.commit_position for event in forwards]
        assert positions == sorted(set(positions))
        assert positions[0] > 0

    async def test_begins_with_a_system_event(self, caller: Caller) -> None:
        first = (await log(caller, limit=1, **EVERYTHING))[0]
        assert first.type.startswith("$")

    async def test_without_filter_options_shows_no_system_events(self, caller: Caller) -> None:
        stream = new_stream()
        await written(caller, stream, 1)
        await caller("set_stream_metadata", stream, metadata={"a": 1})
        read = await log(caller, commit_position=0)
        assert read
        assert not [event for event in read if event.type.startswith("$")]


class TestFilter:
    @pytest.fixture
    async def start(self, caller: Caller) -> int:
        """A position with known events behind it."""
        start = await written(caller, new_stream("marker"), 1, "Marker")
        for category in ("apple", "pear"):
            for event_type in ("Picked", "PickedLate", "Eaten"):
                await written(caller, new_stream(category), 1, event_type)
        return start

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({"filter_include": ["Picked"]}, ["Picked"] * 2),
            ({"filter_include": ["Picked.*"]}, ["Picked", "PickedLate"] * 2),
            ({"filter_include": ["Eaten", "Picked"]}, ["Picked", "Eaten"] * 2),
            ({"filter_exclude": ["Picked", "Marker"]}, ["PickedLate", "Eaten"] * 2),
            ({"filter_include": ["Unheard"]}, []),
            (
                {"filter_include": ["apple-.*"], "filter_by_stream_name": True},
                ["Picked", "PickedLate", "Eaten"],
            ),
            (
                {"filter_exclude": ["apple-.*", "marker.*"], "filter_by_stream_name": True},
                ["Picked", "PickedLate", "Eaten"],
            ),
        ],
    )
    async def test_lets_through_by_type_or_by_stream_name(
        self, caller: Caller, start: int, options: dict[str, Any], expected: list[str]
    ) -> None:
        read = await log(caller, commit_position=start, **options)
        assert [event.type for event in read] == expected
        backwards = await log(caller, backwards=True, limit=len(expected) or 1, **options)
        if expected:
            assert [event.type for event in reversed(backwards)] == expected

    async def test_the_limit_counts_what_is_let_through(self, caller: Caller, start: int) -> None:
        read = await log(caller, commit_position=start, filter_include=["Eaten"], limit=2)
        assert [event.type for event in read] == ["Eaten", "Eaten"]


async def test_a_tombstoned_stream_cannot_be_read(caller: Caller) -> None:
    stream = new_stream()
    await written(caller, stream, 1)
    await caller("tombstone_stream", stream, current_version=0)
    for name in (stream, f"$${stream}"):
        with pytest.raises(StreamIsDeleted):
            await caller("get_stream", name)


async def test_gossip_names_one_leader(uri: str) -> None:
    caller = await connect("sync", uri)
    (member,) = await caller("read_gossip")
    assert member.state == "NODE_STATE_LEADER"
    assert 0 < member.port < 65536
    await caller.close()
