"""Appending: expected revisions, repetition by event id, limits."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from esdbclient import NewEvent, StreamState
from esdbclient.exceptions import (
    AppendDeadlineExceeded,
    GrpcDeadlineExceeded,
    InternalError,
    MaximumAppendSizeExceededError,
    NotFound,
    StreamIsDeleted,
    WrongCurrentVersion,
)

from tests.eventstore_server import Caller, connect, new_events, new_stream

ANY, NO_STREAM, EXISTS = StreamState.ANY, StreamState.NO_STREAM, StreamState.EXISTS
MEBIBYTE = 1024 * 1024


async def append(
    caller: Caller, stream: str, expected: int | StreamState, events: list[NewEvent]
) -> int:
    position: int = await caller(
        "append_to_stream", stream, current_version=expected, events=events
    )
    return position


async def ids_in(caller: Caller, stream: str) -> list[UUID]:
    return [event.id for event in await caller("get_stream", stream)]


def ids_of(events: list[NewEvent]) -> list[UUID]:
    return [event.id for event in events]


class TestExpectedRevision:
    async def test_a_new_stream_is_numbered_from_zero_without_gaps(self, caller: Caller) -> None:
        stream, events = new_stream(), new_events(3)
        await append(caller, stream, NO_STREAM, events[:1])
        await append(caller, stream, 0, events[1:])
        stored = await caller("get_stream", stream)
        assert [event.stream_position for event in stored] == [0, 1, 2]
        assert [event.id for event in stored] == ids_of(events)

    async def test_positions_grow_and_an_append_returns_that_of_its_last_event(
        self, caller: Caller
    ) -> None:
        stream = new_stream()
        first = await append(caller, stream, NO_STREAM, new_events(2))
        second = await append(caller, stream, 1, new_events(2))
        positions = [event.commit_position for event in await caller("get_stream", stream)]
        assert positions == sorted(set(positions))
        assert (positions[1], positions[3]) == (first, second)

    async def test_no_stream_on_a_stream_that_exists_is_refused(self, caller: Caller) -> None:
        stream = new_stream()
        await append(caller, stream, NO_STREAM, new_events(1))
        with pytest.raises(WrongCurrentVersion, match="last event is 0 not"):
            await append(caller, stream, NO_STREAM, new_events(1))

    @pytest.mark.parametrize("expected", [0, 5, EXISTS])
    async def test_a_stream_that_does_not_exist_has_no_revision(
        self, caller: Caller, expected: int | StreamState
    ) -> None:
        stream = new_stream()
        with pytest.raises(WrongCurrentVersion, match="does not exist"):
            await append(caller, stream, expected, new_events(1))

    @pytest.mark.parametrize("expected", [0, 2])
    async def test_another_revision_is_refused_and_nothing_is_written(
        self, caller: Caller, expected: int
    ) -> None:
        stream, events = new_stream(), new_events(2)
        await append(caller, stream, NO_STREAM, events)
        with pytest.raises(WrongCurrentVersion, match=f"last event is 1 not {expected}"):
            await append(caller, stream, expected, new_events(2))
        assert await ids_in(caller, stream) == ids_of(events)

    @pytest.mark.parametrize("expected", [ANY, EXISTS])
    async def test_any_revision_is_good_enough(self, caller: Caller, expected: StreamState) -> None:
        stream, events = new_stream(), new_events(2)
        await append(caller, stream, ANY, events[:1])
        await append(caller, stream, expected, events[1:])
        assert await ids_in(caller, stream) == ids_of(events)

    async def test_a_single_event_may_be_given_without_a_list(self, caller: Caller) -> None:
        stream = new_stream()
        event = new_events(1)[0]
        position = await caller("append_to_stream", stream, current_version=NO_STREAM, events=event)
        stored = await caller("get_stream", stream)
        assert [(e.id, e.commit_position) for e in stored] == [(event.id, position)]
        with pytest.raises(WrongCurrentVersion, match="last event is 0 not 3"):
            await caller("append_to_stream", stream, current_version=3, events=new_events(1)[0])

    async def test_of_many_writers_of_one_revision_exactly_one_wins(self, caller: Caller) -> None:
        stream = new_stream()
        results = await asyncio.gather(
            *(append(caller, stream, NO_STREAM, new_events(2)) for _ in range(8)),
            return_exceptions=True,
        )
        assert sorted(type(result).__name__ for result in results) == (
            ["WrongCurrentVersion"] * 7 + ["int"]
        )
        assert len(await ids_in(caller, stream)) == 2


class TestRepetition:
    """A request that is sent again with the same event ids does nothing and answers the same."""

    @pytest.mark.parametrize("expected", [NO_STREAM, ANY])
    async def test_of_the_first_append(self, caller: Caller, expected: StreamState) -> None:
        stream, events = new_stream(), new_events(3)
        position = await append(caller, stream, expected, events)
        await append(caller, stream, 2, new_events(2))
        assert await append(caller, stream, expected, events) == position
        assert len(await ids_in(caller, stream)) == 5

    @pytest.mark.parametrize("expected", [0, ANY, EXISTS])
    async def test_of_a_later_append(self, caller: Caller, expected: int | StreamState) -> None:
        stream, events = new_stream(), new_events(2)
        await append(caller, stream, NO_STREAM, new_events(1))
        position = await append(caller, stream, expected, events)
        assert await append(caller, stream, expected, events) == position
        assert len(await ids_in(caller, stream)) == 3

    @pytest.mark.parametrize("expected", [NO_STREAM, ANY])
    async def test_followed_by_a_new_event_is_a_conflict(
        self, caller: Caller, expected: StreamState
    ) -> None:
        stream, events = new_stream(), new_events(2)
        await append(caller, stream, NO_STREAM, events)
        with pytest.raises(WrongCurrentVersion):
            await append(caller, stream, expected, events + new_events(1))
        assert await ids_in(caller, stream) == ids_of(events)

    async def test_of_a_part_is_a_repetition_too(self, caller: Caller) -> None:
        stream, events = new_stream(), new_events(3)
        await append(caller, stream, NO_STREAM, events)
        stored = await caller("get_stream", stream)
        assert await append(caller, stream, 0, events[1:2]) == stored[1].commit_position

    async def test_at_the_wrong_place_is_a_conflict(self, caller: Caller) -> None:
        stream, events = new_stream(), new_events(3)
        await append(caller, stream, NO_STREAM, events)
        with pytest.raises(WrongCurrentVersion):
            await append(caller, stream, 0, events[2:])

    async def test_in_another_stream_is_none(self, caller: Caller) -> None:
        events = new_events(1)
        for stream in (new_stream(), new_stream()):
            await append(caller, stream, NO_STREAM, events)
            assert await ids_in(caller, stream) == ids_of(events)

    async def test_behind_the_exact_end_is_none(self, caller: Caller) -> None:
        stream, events = new_stream(), new_events(1)
        await append(caller, stream, NO_STREAM, events)
        await append(caller, stream, 0, events)
        assert await ids_in(caller, stream) == ids_of(events) * 2


class TestWhatIsStored:
    async def test_every_part_of_an_event_comes_back(self, caller: Caller) -> None:
        stream = new_stream()
        events = [
            NewEvent(type="A", data=b'{"a":1}', metadata=b'{"m":2}'),
            NewEvent(type="Ünï", data=b"\x00\xff", content_type="application/octet-stream"),
            NewEvent(type="NotJson", data=b"\x00\xff", content_type="application/json"),
        ]
        await append(caller, stream, NO_STREAM, events)
        stored = await caller("get_stream", stream)
        assert [(e.type, e.data, e.metadata, e.content_type, e.id) for e in stored] == [
            (e.type, e.data, e.metadata, e.content_type, e.id) for e in events
        ]
        assert all(e.stream_name == stream and e.recorded_at is not None for e in stored)
        assert all(e.prepare_position == e.commit_position for e in stored)

    async def test_a_stream_name_may_be_any_text(self, caller: Caller) -> None:
        stream = new_stream("páïs/día ☂ '::")
        await append(caller, stream, NO_STREAM, new_events(1))
        assert (await caller("get_stream", stream))[0].stream_name == stream


class TestLimits:
    async def test_a_mebibyte_is_accepted_and_one_byte_more_is_not(self, caller: Caller) -> None:
        stream = new_stream()
        fits = NewEvent(type="T", data=b"x" * (MEBIBYTE - 2))
        await append(caller, stream, NO_STREAM, [fits])
        too_large = [NewEvent(type="T", data=b"x" * (MEBIBYTE - 1))]
        with pytest.raises(MaximumAppendSizeExceededError):
            await append(caller, stream, 0, too_large)
        assert await ids_in(caller, stream) == [fits.id]

    async def test_the_limit_counts_all_events_of_a_request(self, caller: Caller) -> None:
        stream = new_stream()
        halves = [NewEvent(type="T", data=b"x" * (MEBIBYTE // 2)) for _ in range(2)]
        with pytest.raises(MaximumAppendSizeExceededError):
            await append(caller, stream, NO_STREAM, halves)
        with pytest.raises(NotFound):
            await caller("get_stream", stream)

    async def test_a_deadline_that_has_passed_writes_nothing(self, caller: Caller) -> None:
        stream = new_stream()
        too_late = (AppendDeadlineExceeded, GrpcDeadlineExceeded, InternalError)
        with pytest.raises(too_late) as raised:
            await caller(
                "append_to_stream",
                stream,
                current_version=NO_STREAM,
                events=new_events(2),
                timeout=0,
            )
        # gRPC's own word for a call that its client could not even begin in time.
        assert not isinstance(raised.value, InternalError) or "from Core" in str(raised.value)
        with pytest.raises(NotFound):
            await caller("get_stream", stream)

    async def test_no_events_are_a_check_of_the_revision(self, caller: Caller) -> None:
        stream = new_stream()
        await append(caller, stream, NO_STREAM, new_events(1))
        await append(caller, stream, 0, [])
        with pytest.raises(WrongCurrentVersion):
            await append(caller, stream, 1, [])
        assert len(await ids_in(caller, stream)) == 1


async def test_callers_that_go_away_leave_whole_appends_or_none(uri: str) -> None:
    caller = await connect("async", uri)
    stream = new_stream()
    tasks = [asyncio.create_task(append(caller, stream, ANY, new_events(3))) for _ in range(30)]
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    stored = await caller("get_stream", stream)
    assert len(stored) % 3 == 0
    assert len(stored) >= 15 * 3
    assert [event.data for event in stored[:3]] == [b'{"n":0}', b'{"n":1}', b'{"n":2}']
    await caller.close()


async def test_a_tombstoned_stream_takes_nothing(caller: Caller) -> None:
    stream = new_stream()
    await append(caller, stream, NO_STREAM, new_events(1))
    await caller("tombstone_stream", stream, current_version=0)
    for expected in (ANY, NO_STREAM, EXISTS, 0):
        with pytest.raises(StreamIsDeleted):
            await append(caller, stream, expected, new_events(1))
