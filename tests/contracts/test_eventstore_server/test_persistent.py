"""Persistent subscriptions: who is delivered what, how often, and what is remembered."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from esdbclient import RecordedEvent, StreamState
from esdbclient.exceptions import (
    AlreadyExists,
    EventStoreDBClientException,
    InternalError,
    MaximumSubscriptionsReached,
    NotFound,
)

from tests.eventstore_server import Caller, eventually, new_events, new_stream

ANY = StreamState.ANY
SETTLE: dict[str, Any] = {"max_ack_delay": 0.01, "stopping_grace": 0.1}


async def append(caller: Caller, stream: str, count: int, event_type: str = "Happened") -> int:
    position: int = await caller(
        "append_to_stream", stream, current_version=ANY, events=new_events(count, event_type)
    )
    return position


def new_group() -> str:
    return f"group-{uuid4()}"


def numbers(events: list[RecordedEvent]) -> list[int]:
    return [event.stream_position for event in events]


class Stream:
    """A stream with a group on it."""

    def __init__(self, caller: Caller) -> None:
        self.caller, self.name, self.group = caller, new_stream(), new_group()

    async def create(self, events: int = 0, **settings: Any) -> None:
        if events:
            await append(self.caller, self.name, events)
        await self.caller("create_subscription_to_stream", self.group, self.name, **settings)

    async def read(self, **options: Any) -> Any:
        options = {**SETTLE, **options}
        return await self.caller("read_subscription_to_stream", self.group, self.name, **options)

    async def info(self) -> Any:
        return await self.caller("get_subscription_info", self.group, self.name)

    async def parked(self, count: int) -> None:
        async def is_so() -> bool:
            return bool((await self.info()).parked_message_count == count)

        await eventually(is_so)


@pytest.fixture
def stream(caller: Caller) -> Stream:
    return Stream(caller)


class TestManaging:
    async def test_every_setting_comes_back_as_it_was_given(
        self, caller: Caller, stream: Stream
    ) -> None:
        settings: dict[str, Any] = {
            "resolve_links": True,
            "consumer_strategy": "RoundRobin",
            "message_timeout": 12.5,
            "max_retry_count": 7,
            "min_checkpoint_count": 3,
            "max_checkpoint_count": 33,
            "checkpoint_after": 1.5,
            "max_subscriber_count": 4,
            "live_buffer_size": 301,
            "read_batch_size": 51,
            "history_buffer_size": 302,
            "extra_statistics": True,
        }
        await stream.create(stream_position=5, **settings)
        info = await stream.info()
        assert {name: getattr(info, name) for name in settings} == settings
        assert (info.event_source, info.group_name) == (stream.name, stream.group)
        assert (info.start_from, info.status) == ("5", "Live")

    @pytest.mark.parametrize(
        ("start", "told"), [({}, "0"), ({"from_end": True}, "-1"), ({"stream_position": 9}, "9")]
    )
    async def test_the_start_in_a_stream_is_told(
        self, stream: Stream, start: dict[str, Any], told: str
    ) -> None:
        await stream.create(2, **start)
        assert (await stream.info()).start_from == told

    @pytest.mark.parametrize(
        ("start", "told"),
        [({}, "C:0/P:0"), ({"from_end": True}, "C:-1/P:-1"), ({"commit_position": 1}, "C:1/P:1")],
    )
    async def test_the_start_in_the_log_is_told(
        self, caller: Caller, start: dict[str, Any], told: str
    ) -> None:
        group = new_group()
        await caller("create_subscription_to_all", group, **start)
        assert (await caller("get_subscription_info", group)).start_from == told
        await caller("delete_subscription", group)

    async def test_one_that_exists_cannot_be_created(self, caller: Caller, stream: Stream) -> None:
        await stream.create()
        with pytest.raises(AlreadyExists):
            await stream.create()

    @pytest.mark.parametrize(
        "settings",
        [
            {"consumer_strategy": "Nonsense"},
            {"read_batch_size": 20, "history_buffer_size": 20},
        ],
    )
    async def test_one_that_cannot_be_is_refused_and_leaves_nothing(
        self, caller: Caller, stream: Stream, settings: dict[str, Any]
    ) -> None:
        with pytest.raises(InternalError):
            await stream.create(**settings)
        with pytest.raises(NotFound):
            await stream.info()

    async def test_one_beyond_the_end_of_the_log_is_refused(self, caller: Caller) -> None:
        with pytest.raises(InternalError):
            await caller("create_subscription_to_all", new_group(), commit_position=2**40)

    async def test_one_that_does_not_exist_is_not_found(
        self, caller: Caller, stream: Stream
    ) -> None:
        for method in (
            "get_subscription_info",
            "read_subscription_to_stream",
            "update_subscription_to_stream",
            "replay_parked_events",
            "delete_subscription",
        ):
            with pytest.raises(NotFound):
                await caller(method, stream.group, stream.name)

    async def test_they_are_listed_by_stream_and_all_together(
        self, caller: Caller, stream: Stream
    ) -> None:
        assert await caller("list_subscriptions_to_stream", stream.name) == []
        await stream.create()
        of_all = new_group()
        await caller("create_subscription_to_all", of_all)
        listed = await caller("list_subscriptions_to_stream", stream.name)
        assert [info.group_name for info in listed] == [stream.group]
        everywhere = await caller("list_subscriptions")
        assert {stream.group, of_all} <= {info.group_name for info in everywhere}
        await caller("delete_subscription", of_all)

    async def test_update_changes_what_is_given_and_drops_consumers(
        self, caller: Caller, stream: Stream
    ) -> None:
        await stream.create(1, message_timeout=9.0)
        subscription = await stream.read()
        await caller.take(subscription, 1)
        await caller("update_subscription_to_stream", stream.group, stream.name, max_retry_count=3)
        with pytest.raises(EventStoreDBClientException):
            await caller.take(subscription, 1)
        info = await stream.info()
        assert (info.max_retry_count, info.message_timeout) == (3, 9.0)
        again = await stream.read()
        assert numbers(await caller.take(again, 1)) == [0]
        await caller.stop(again)

    async def test_deleted_ones_are_gone(self, caller: Caller, stream: Stream) -> None:
        await stream.create(1)
        await caller("delete_subscription", stream.group, stream.name)
        with pytest.raises(NotFound):
            await stream.read()

    async def test_more_consumers_than_allowed_are_refused(
        self, caller: Caller, stream: Stream
    ) -> None:
        await stream.create(max_subscriber_count=1)
        first = await stream.read()
        with pytest.raises(MaximumSubscriptionsReached):
            await stream.read()
        await caller.stop(first)

        async def there_is_room() -> bool:
            try:
                await caller.stop(await stream.read())
            except MaximumSubscriptionsReached:
                return False
            return True

        await eventually(there_is_room)


class TestDelivery:
    async def test_starts_at_the_given_number_and_goes_on_live(
        self, caller: Caller, stream: Stream
    ) -> None:
        await stream.create(3, stream_position=1)
        subscription = await stream.read()
        taken = await caller.take(subscription, 2)
        await append(caller, stream.name, 1)
        taken += await caller.take(subscription, 1)
        assert numbers(taken) == [1, 2, 3]
        assert {event.retry_count for event in taken} == {0}
        await caller.stop(subscription)

    async def test_from_the_end_means_when_it_was_created(
        self, caller: Caller, stream: Stream
    ) -> None:
        await stream.create(2, from_end=True)
        await append(caller, stream.name, 1)
        subscription = await stream.read()
        assert numbers(await caller.take(subscription, 1)) == [2]
        await caller.stop(subscription)

    async def test_of_the_log_starts_at_the_given_position(self, caller: Caller) -> None:
        name, group = new_stream(), new_group()
        first = await append(caller, name, 1)
        await append(caller, name, 2)
        await caller("create_subscription_to_all", group, commit_position=first)
        subscription = await caller("read_subscription_to_all", group, **SETTLE)
        assert [e.commit_position for e in await caller.take(subscription, 1)] == [first]
        await caller.stop(subscription)
        await caller("delete_subscription", group)

    async def test_of_the_log_may_be_filtered(self, caller: Caller) -> None:
        wanted, group = f"Wanted{uuid4().hex}", new_group()
        await caller("create_subscription_to_all", group, filter_include=[wanted], from_end=True)
        name = new_stream()
        await append(caller, name, 5, "Other")
        position = await append(caller, name, 1, wanted)
        subscription = await caller("read_subscription_to_all", group, **SETTLE)
        (event,) = await caller.take(subscription, 1)
        assert (event.type, event.commit_position) == (wanted, position)
        await caller.stop(subscription)
        await caller("delete_subscription", group)

    async def test_what_is_acknowledged_is_not_delivered_again(
        self, caller: Caller, stream: Stream
    ) -> None:
        await stream.create(4)
        first = await stream.read()
        for event in (await caller.take(first, 4))[:2]:
            await caller.call(first.ack, event)
        await caller.stop(first)
        second = await stream.read()
        taken = await caller.take(second, 2)
        assert numbers(taken) == [2, 3]
        assert {event.retry_count for event in taken} == {1}
        await caller.stop(second)

    async def test_links_are_resolved_and_acknowledged_by_the_links_id(
        self, caller: Caller, stream: Stream
    ) -> None:
        target = new_stream()
        await append(caller, target, 1)
        link = new_events(1, "$>")[0]
        link = type(link)(type="$>", data=f"0@{target}".encode(), id=link.id)
        await caller("append_to_stream", stream.name, current_version=ANY, events=[link])
        await stream.create(resolve_links=True)
        subscription = await stream.read()
        (event,) = await caller.take(subscription, 1)
        assert (event.stream_name, event.ack_id) == (target, link.id)
        await caller.stop(subscription)

    async def test_a_consumer_holds_no_more_than_its_buffer(
        self, caller: Caller, stream: Stream
    ) -> None:
        await stream.create(5, consumer_strategy="DispatchToSingle")
        first = await stream.read(event_buffer_size=2)
        second = await stream.read(event_buffer_size=10)
        assert numbers(await caller.take(first, 2)) == [0, 1]
        assert numbers(await caller.take(second, 3)) == [2, 3, 4]
        await caller.stop(first)
        await caller.stop(second)

    async def test_round_robin_takes_turns(self, caller: Caller, stream: Stream) -> None:
        await stream.create(consumer_strategy="RoundRobin")
        first, second = await stream.read(), await stream.read()
        await append(caller, stream.name, 4)
        assert numbers(await caller.take(first, 2)) == [0, 2]
        assert numbers(await caller.take(second, 2)) == [1, 3]
        await caller.stop(first)
        await caller.stop(second)

    async def test_pinned_keeps_a_stream_with_one_consumer(self, caller: Caller) -> None:
        group, category = new_group(), f"pinned{uuid4().hex}"
        await caller(
            "create_subscription_to_all",
            group,
            filter_include=[f"{category}-.+"],
            filter_by_stream_name=True,
            consumer_strategy="Pinned",
        )
        readers = [await caller("read_subscription_to_all", group, **SETTLE) for _ in range(2)]
        names = [f"{category}-{n}" for n in range(12)]
        for name in [*names, *names]:
            await append(caller, name, 1)
        held: list[list[RecordedEvent]] = [[], []]
        collecting = [
            asyncio.create_task(caller.collect(reader, into))
            for reader, into in zip(readers, held, strict=True)
        ]

        async def everything_came() -> bool:
            return sum(len(events) for events in held) == 24

        await eventually(everything_came)
        await caller("delete_subscription", group)
        await asyncio.gather(*collecting)
        first, second = ({event.stream_name for event in events} for events in held)
        assert first
        assert second
        assert not first & second


class TestRefusing:
    async def test_retried_ones_come_again_until_they_are_parked(
        self, caller: Caller, stream: Stream
    ) -> None:
        await stream.create(2, max_retry_count=3)
        subscription = await stream.read(event_buffer_size=1)
        for retries in range(4):
            (event,) = await caller.take(subscription, 1)
            assert (event.stream_position, event.retry_count) == (0, retries)
            await caller.call(subscription.nack, event, "retry")
        assert numbers(await caller.take(subscription, 1)) == [1]
        await stream.parked(1)
        await caller.stop(subscription)

    @pytest.mark.parametrize(("action", "parked"), [("park", 1), ("skip", 0), ("stop", 0)])
    async def test_others_are_not_delivered_again(
        self, caller: Caller, stream: Stream, action: str, parked: int
    ) -> None:
        await stream.create(2)
        subscription = await stream.read(event_buffer_size=1)
        (event,) = await caller.take(subscription, 1)
        await caller.call(subscription.nack, event, action)
        assert numbers(await caller.take(subscription, 1)) == [1]
        await stream.parked(parked)
        await caller.stop(subscription)

    async def test_unanswered_ones_time_out_and_come_again(
        self, caller: Caller, stream: Stream
    ) -> None:
        await stream.create(1, message_timeout=0.2)
        subscription = await stream.read()
        taken = await caller.take(subscription, 2)
        assert [(e.stream_position, e.retry_count) for e in taken] == [(0, 0), (0, 1)]
        await caller.stop(subscription)

    async def test_parked_ones_are_replayed_once_as_links(
        self, caller: Caller, stream: Stream
    ) -> None:
        await stream.create(3)
        subscription = await stream.read()
        for event in await caller.take(subscription, 3):
            await caller.call(subscription.nack, event, "park")
        await stream.parked(3)
        await caller("replay_parked_events", stream.group, stream.name)
        replayed = await caller.take(subscription, 3)
        assert numbers(replayed) == [0, 1, 2]
        assert all(event.link is not None for event in replayed)
        await stream.parked(0)
        for event in replayed[:2]:
            await caller.call(subscription.ack, event)
        await caller.call(subscription.nack, replayed[2], "park")
        await stream.parked(1)
        await caller("replay_parked_events", stream.group, stream.name)
        assert numbers(await caller.take(subscription, 1)) == [2]
        await caller.stop(subscription)

    async def test_replaying_nothing_is_fine(self, caller: Caller, stream: Stream) -> None:
        await stream.create()
        await caller("replay_parked_events", stream.group, stream.name)

    async def test_parked_ones_of_the_log_are_not_shown_in_it(self, caller: Caller) -> None:
        wanted, group = f"Wanted{uuid4().hex}", new_group()
        await caller("create_subscription_to_all", group, filter_include=[wanted])
        position = await append(caller, new_stream(), 1, wanted)
        subscription = await caller("read_subscription_to_all", group, **SETTLE)
        (event,) = await caller.take(subscription, 1)
        await caller.call(subscription.nack, event, "park")

        async def is_parked() -> bool:
            info = await caller("get_subscription_info", group)
            return bool(info.parked_message_count == 1)

        await eventually(is_parked)
        log = await caller("read_all", commit_position=position, filter_exclude=[])
        names = {e.stream_name for e in await caller.all_of(log)}
        assert not any("-parked" in name for name in names if group in name)
        await caller.stop(subscription)
        await caller("delete_subscription", group)


async def test_several_consumers_settle_everything_between_them(
    caller: Caller, stream: Stream
) -> None:
    await stream.create(100, consumer_strategy="RoundRobin")
    consumers = [await stream.read(event_buffer_size=5) for _ in range(4)]

    seen: list[int] = []

    async def consume(subscription: Any) -> None:
        while taken := await caller.take(subscription, 1):
            seen.append(taken[0].stream_position)
            await caller.call(subscription.ack, taken[0])

    async def everything_came() -> bool:
        return len(seen) >= 100

    consuming = [asyncio.create_task(consume(each)) for each in consumers]
    await eventually(everything_came)
    for consumer in consumers:
        await caller.stop(consumer)
    await asyncio.gather(*consuming)
    assert sorted(seen) == list(range(100))
