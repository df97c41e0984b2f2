"""What persistent subscriptions keep when the event store stops, crashes or loses a consumer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from esdbclient import StreamState

from tests.eventstore_server import (
    Caller,
    EventStoreProcess,
    connect,
    event_store_process,
    eventually,
    new_events,
)

STREAM, GROUP = "order-1", "billing"
SETTLE: dict[str, Any] = {"max_ack_delay": 0.01, "stopping_grace": 0.1}


async def created(caller: Caller, events: int, **settings: Any) -> None:
    await caller(
        "append_to_stream",
        STREAM,
        current_version=StreamState.NO_STREAM,
        events=new_events(events),
    )
    await caller("create_subscription_to_stream", GROUP, STREAM, **settings)


async def read(caller: Caller) -> Any:
    return await caller("read_subscription_to_stream", GROUP, STREAM, **SETTLE)


async def taken(caller: Caller, subscription: Any, count: int) -> list[int]:
    return [event.stream_position for event in await caller.take(subscription, count)]


async def acknowledge(caller: Caller, subscription: Any, count: int) -> None:
    for event in await caller.take(subscription, count):
        await caller.call(subscription.ack, event)


async def settled_to(caller: Caller, place: str) -> None:
    async def is_so() -> bool:
        info = await caller("get_subscription_info", GROUP, STREAM)
        return bool(info.last_checkpointed_event_position == place)

    await eventually(is_so)


async def restarted(process: EventStoreProcess, *, crash: bool) -> Caller:
    if crash:
        process.kill()
    else:
        assert process.stop() == 0
    process.start()
    return await connect("async", process.uri)


async def test_a_stored_checkpoint_survives_a_crash(tmp_path: Path) -> None:
    with event_store_process(tmp_path) as process:
        caller = await connect("async", process.uri)
        await created(caller, 10, max_checkpoint_count=1, max_retry_count=3)
        await acknowledge(caller, await read(caller), 4)
        await settled_to(caller, "3")
        caller = await restarted(process, crash=True)
        info = await caller("get_subscription_info", GROUP, STREAM)
        assert (info.last_checkpointed_event_position, info.max_retry_count) == ("3", 3)
        assert await taken(caller, await read(caller), 6) == [4, 5, 6, 7, 8, 9]
        await caller.close()


async def test_a_clean_stop_remembers_all_that_was_acknowledged(tmp_path: Path) -> None:
    with event_store_process(tmp_path) as process:
        caller = await connect("async", process.uri)
        await created(caller, 5, min_checkpoint_count=1000, max_checkpoint_count=1000)
        subscription = await read(caller)
        await acknowledge(caller, subscription, 3)
        await caller.stop(subscription)
        caller = await restarted(process, crash=False)
        assert await taken(caller, await read(caller), 2) == [3, 4]
        await caller.close()


async def test_parked_messages_survive_a_crash_in_the_middle_of_a_replay(tmp_path: Path) -> None:
    with event_store_process(tmp_path) as process:
        caller = await connect("async", process.uri)
        await created(caller, 3)
        subscription = await read(caller)
        for event in await caller.take(subscription, 3):
            await caller.call(subscription.nack, event, "park")

        async def all_are_parked() -> bool:
            info = await caller("get_subscription_info", GROUP, STREAM)
            return bool(info.parked_message_count == 3)

        await eventually(all_are_parked)
        await caller("replay_parked_events", GROUP, STREAM)
        assert await taken(caller, subscription, 3) == [0, 1, 2]
        caller = await restarted(process, crash=True)
        assert (await caller("get_subscription_info", GROUP, STREAM)).parked_message_count == 3
        await caller.close()


async def test_it_collects_from_its_end_while_nobody_is_connected(tmp_path: Path) -> None:
    """Also across a restart: where it began was decided when it was created."""
    with event_store_process(tmp_path) as process:
        caller = await connect("async", process.uri)
        await created(caller, 3, from_end=True)
        await caller("append_to_stream", STREAM, current_version=2, events=new_events(2))
        caller = await restarted(process, crash=False)
        assert await taken(caller, await read(caller), 2) == [3, 4]
        await caller.close()


async def test_a_consumer_that_vanishes_frees_its_messages(tmp_path: Path) -> None:
    with event_store_process(tmp_path) as process:
        caller, other = await connect("async", process.uri), await connect("async", process.uri)
        await created(caller, 3, max_subscriber_count=2)
        assert await taken(caller, await read(caller), 3) == [0, 1, 2]
        second = await read(other)
        await caller.close()
        assert await taken(other, second, 3) == [0, 1, 2]
        await other.close()


async def test_across_crashes_everything_is_delivered_at_least_once(tmp_path: Path) -> None:
    """What was acknowledged comes again only as far back as the checkpoint."""
    with event_store_process(tmp_path) as process:
        caller = await connect("async", process.uri)
        await created(caller, 120, max_checkpoint_count=5)
        delivered: list[int] = []
        for _ in range(4):
            subscription = await read(caller)
            for event in await caller.take(subscription, 30):
                delivered.append(event.stream_position)
                await caller.call(subscription.ack, event)
            info = await caller("get_subscription_info", GROUP, STREAM)
            stored = info.last_checkpointed_event_position
            caller = await restarted(process, crash=True)
            first = (await taken(caller, await read(caller), 1))[0]
            assert first >= int(stored or "-1") + 1
            caller = await restarted(process, crash=True)
        left = await read(caller)
        while len(set(delivered)) < 120:
            for event in await caller.take(left, 1):
                delivered.append(event.stream_position)
                await caller.call(left.ack, event)
        assert set(delivered) == set(range(120))
        await caller.close()
