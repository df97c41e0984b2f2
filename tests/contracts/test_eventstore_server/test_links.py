"""Links: events that stand for events of other streams."""

from __future__ import annotations

from esdbclient import NewEvent, StreamState

from tests.eventstore_server import Caller, new_events, new_stream


async def append(caller: Caller, stream: str, events: list[NewEvent]) -> None:
    await caller("append_to_stream", stream, current_version=StreamState.ANY, events=events)


class TestReads:
    async def _linked(self, caller: Caller, target: str) -> str:
        stream = new_stream("links")
        await append(
            caller,
            stream,
            [
                NewEvent(type="$>", data=f"1@{target}".encode()),
                NewEvent(type="$>", data=f"9@{target}".encode()),
                NewEvent(type="Plain", data=b"$>"),
            ],
        )
        return stream

    async def test_are_resolved_on_request(self, caller: Caller) -> None:
        target = new_stream()
        await append(caller, target, new_events(2))
        stream = await self._linked(caller, target)
        resolved = await caller("get_stream", stream, resolve_links=True)
        link = (await caller("get_stream", stream, limit=1))[0]
        assert [(event.type, event.stream_name) for event in resolved] == [
            ("OrderPlaced", target),
            ("Plain", stream),
        ]
        assert resolved[0].stream_position == 1
        assert resolved[0].link.id == link.id
        assert resolved[0].ack_id == link.id

    async def test_are_events_like_any_other_without_request(self, caller: Caller) -> None:
        stream = await self._linked(caller, new_stream())
        assert [event.type for event in await caller("get_stream", stream)] == ["$>", "$>", "Plain"]


class TestSubscriptions:
    async def test_are_resolved_then_and_now(self, caller: Caller) -> None:
        start = await caller("get_commit_position", filter_exclude=[])
        target, links = new_stream(), new_stream("links")
        await append(caller, target, new_events(2))
        for number in (0, 1):
            link = NewEvent(type="$>", data=f"{number}@{target}".encode())
            await append(caller, links, [link])
            if number == 0:
                subscription = await caller(
                    "subscribe_to_all",
                    commit_position=start,
                    filter_include=[r"\$>"],
                    resolve_links=True,
                )
            event = (await caller.take(subscription, 1))[0]
            assert (event.stream_name, event.stream_position) == (target, number)
            assert event.ack_id == link.id
        await caller.stop(subscription)
