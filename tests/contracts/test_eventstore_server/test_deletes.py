"""Deleting streams in either way, and what metadata hides."""

from __future__ import annotations

from typing import Any

import pytest
from esdbclient import StreamState
from esdbclient.exceptions import NotFound, StreamIsDeleted, WrongCurrentVersion

from tests.eventstore_server import Caller, eventually, new_events, new_stream

ANY, NO_STREAM, EXISTS = StreamState.ANY, StreamState.NO_STREAM, StreamState.EXISTS


async def append(caller: Caller, stream: str, count: int, expected: int | StreamState = ANY) -> int:
    position: int = await caller(
        "append_to_stream", stream, current_version=expected, events=new_events(count)
    )
    return position


async def numbers(caller: Caller, stream: str, **options: Any) -> list[int]:
    return [event.stream_position for event in await caller("get_stream", stream, **options)]


class TestDelete:
    @pytest.mark.parametrize("expected", [2, ANY, EXISTS])
    async def test_hides_the_stream(self, caller: Caller, expected: int | StreamState) -> None:
        stream = new_stream()
        await append(caller, stream, 3)
        await caller("delete_stream", stream, current_version=expected)
        for options in ({}, {"backwards": True}, {"stream_position": 1}):
            with pytest.raises(NotFound):
                await caller("get_stream", stream, **options)

    @pytest.mark.parametrize("expected", [NO_STREAM, ANY, 2])
    async def test_lets_the_stream_go_on_with_the_next_number(
        self, caller: Caller, expected: int | StreamState
    ) -> None:
        stream = new_stream()
        await append(caller, stream, 3)
        await caller("delete_stream", stream, current_version=2)
        await append(caller, stream, 2, expected)
        assert await numbers(caller, stream) == [3, 4]
        assert await numbers(caller, stream, backwards=True) == [4, 3]
        await append(caller, stream, 1, 4)
        assert await numbers(caller, stream) == [3, 4, 5]

    async def test_makes_the_stream_one_that_does_not_exist(self, caller: Caller) -> None:
        stream = new_stream()
        await append(caller, stream, 3)
        await caller("delete_stream", stream, current_version=2)
        with pytest.raises(StreamIsDeleted):
            await append(caller, stream, 1, EXISTS)

    async def test_leaves_the_events_in_the_log(self, caller: Caller) -> None:
        stream = new_stream()
        await append(caller, stream, 2)
        first = (await caller("get_stream", stream))[0]
        await caller("delete_stream", stream, current_version=ANY)
        read = await caller(
            "read_all", commit_position=first.commit_position, filter_exclude=[], limit=1
        )
        assert (await caller.all_of(read))[0].id == first.id

    async def test_is_refused_at_another_revision(self, caller: Caller) -> None:
        stream = new_stream()
        await append(caller, stream, 3)
        for expected in (1, 7, NO_STREAM):
            with pytest.raises(WrongCurrentVersion):
                await caller("delete_stream", stream, current_version=expected)
        assert await numbers(caller, stream) == [0, 1, 2]

    @pytest.mark.parametrize("expected", [ANY, NO_STREAM, EXISTS, 0])
    async def test_of_a_stream_that_does_not_exist_finds_nothing(
        self, caller: Caller, expected: int | StreamState
    ) -> None:
        with pytest.raises(NotFound):
            await caller("delete_stream", new_stream(), current_version=expected)

    async def test_may_be_repeated(self, caller: Caller) -> None:
        stream = new_stream()
        await append(caller, stream, 3)
        await caller("delete_stream", stream, current_version=2)
        await caller("delete_stream", stream, current_version=2)
        await caller("delete_stream", stream, current_version=ANY)
        with pytest.raises(StreamIsDeleted):
            await caller("delete_stream", stream, current_version=EXISTS)
        with pytest.raises(WrongCurrentVersion):
            await caller("delete_stream", stream, current_version=1)

    async def test_a_repeated_append_still_counts_as_a_repetition(self, caller: Caller) -> None:
        stream, events = new_stream(), new_events(2)
        append_it = {"current_version": NO_STREAM, "events": events}
        position = await caller("append_to_stream", stream, **append_it)
        await caller("delete_stream", stream, current_version=1)
        assert await caller("append_to_stream", stream, **append_it) == position
        with pytest.raises(NotFound):
            await caller("get_stream", stream)

    async def test_is_seen_by_a_subscription_that_goes_on(self, caller: Caller) -> None:
        stream = new_stream()
        await append(caller, stream, 1)
        subscription = await caller("subscribe_to_stream", stream)
        assert (await caller.take(subscription, 1))[0].stream_position == 0
        await caller("delete_stream", stream, current_version=ANY)
        await append(caller, stream, 1)
        assert (await caller.take(subscription, 1))[0].stream_position == 1
        await caller.stop(subscription)


class TestTombstone:
    @pytest.mark.parametrize("expected", [1, ANY, EXISTS])
    async def test_closes_the_stream_for_ever(
        self, caller: Caller, expected: int | StreamState
    ) -> None:
        stream = new_stream()
        await append(caller, stream, 2)
        await caller("tombstone_stream", stream, current_version=expected)
        with pytest.raises(StreamIsDeleted):
            await caller("get_stream", stream)
        for call in ("delete_stream", "tombstone_stream"):
            with pytest.raises(StreamIsDeleted):
                await caller(call, stream, current_version=ANY)

    @pytest.mark.parametrize("expected", [ANY, NO_STREAM])
    async def test_of_a_stream_that_never_was(self, caller: Caller, expected: StreamState) -> None:
        stream = new_stream()
        await caller("tombstone_stream", stream, current_version=expected)
        with pytest.raises(StreamIsDeleted):
            await caller("get_stream", stream)

    async def test_is_refused_at_another_revision(self, caller: Caller) -> None:
        stream = new_stream()
        with pytest.raises(NotFound):
            await caller("tombstone_stream", stream, current_version=EXISTS)
        await append(caller, stream, 2)
        with pytest.raises(WrongCurrentVersion):
            await caller("tombstone_stream", stream, current_version=0)

    async def test_is_an_event_in_the_log(self, caller: Caller) -> None:
        stream = new_stream()
        await append(caller, stream, 1)
        await caller("tombstone_stream", stream, current_version=0)
        read = await caller("read_all", backwards=True, filter_exclude=[], limit=1)
        last = (await caller.all_of(read))[0]
        assert (last.type, last.stream_name) == ("$streamDeleted", stream)
        assert last.stream_position == 2**63 - 1


class TestMetadata:
    async def test_comes_back_as_it_was_set(self, caller: Caller) -> None:
        stream = new_stream()
        await append(caller, stream, 1)
        assert await caller("get_stream_metadata", stream) == ({}, NO_STREAM)
        await caller("set_stream_metadata", stream, metadata={"a": [1]}, current_version=NO_STREAM)
        assert await caller("get_stream_metadata", stream) == ({"a": [1]}, 0)
        await caller("set_stream_metadata", stream, metadata={"b": 2}, current_version=0)
        assert await caller("get_stream_metadata", stream) == ({"b": 2}, 1)
        with pytest.raises(WrongCurrentVersion):
            await caller("set_stream_metadata", stream, metadata={}, current_version=0)

    async def test_of_a_stream_without_events_makes_it_exist(self, caller: Caller) -> None:
        stream = new_stream()
        await caller("set_stream_metadata", stream, metadata={"a": 1})
        await append(caller, stream, 1, EXISTS)
        assert await numbers(caller, stream) == [0]

    async def test_set_after_a_delete_does_not_bring_events_back(self, caller: Caller) -> None:
        stream = new_stream()
        await append(caller, stream, 2)
        await caller("delete_stream", stream, current_version=ANY)
        await caller("set_stream_metadata", stream, metadata={"foo": "bar"})
        metadata, _ = await caller("get_stream_metadata", stream)
        assert metadata == {"foo": "bar", "$tb": 2}
        await append(caller, stream, 1)
        assert await numbers(caller, stream) == [2]

    async def test_of_a_recreated_stream_says_where_it_begins(self, caller: Caller) -> None:
        stream = new_stream()
        await append(caller, stream, 2)
        await caller("set_stream_metadata", stream, metadata={"foo": "bar"})
        await caller("delete_stream", stream, current_version=ANY)
        await append(caller, stream, 1)
        assert (await caller("get_stream_metadata", stream))[0] == {"$tb": 2}

    @pytest.mark.parametrize(
        ("metadata", "visible"),
        [
            ({"$tb": 3}, [3, 4]),
            ({"$maxCount": 2}, [3, 4]),
            ({"$tb": 4, "$maxCount": 3}, [4]),
            ({"$tb": 9}, []),
            ({"$maxAge": 3600}, [0, 1, 2, 3, 4]),
        ],
    )
    async def test_truncates_what_reads_show(
        self, caller: Caller, metadata: dict[str, Any], visible: list[int]
    ) -> None:
        stream = new_stream()
        await append(caller, stream, 5)
        await caller("set_stream_metadata", stream, metadata=metadata)
        assert await numbers(caller, stream) == visible
        assert await numbers(caller, stream, backwards=True) == visible[::-1]

    async def test_hides_events_that_are_too_old(self, caller: Caller) -> None:
        stream = new_stream()
        await append(caller, stream, 2)
        await caller("set_stream_metadata", stream, metadata={"$maxAge": 1})

        async def nothing_is_left() -> bool:
            return await numbers(caller, stream) == []

        await eventually(nothing_is_left)
        await append(caller, stream, 1)
        assert await numbers(caller, stream) == [2]
