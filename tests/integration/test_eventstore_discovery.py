"""How clients find the server, and find it again: gossip, discovery, restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from esdbclient import EventStoreDBClient, StreamState
from esdbclient.exceptions import DiscoveryFailed, FollowerNotFound

from sandbox.eventstore import RunningEventStore, serve
from tests.eventstore_server import connect, event_store_process, new_events, new_stream

NOBODY = "127.0.0.1:1"


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[RunningEventStore]:
    async with serve(tmp_path) as running:
        yield running


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize(
    "uri",
    [
        "esdb://{here}?Tls=false",
        "esdb+discover://{here}?Tls=false",
        "esdb://{nobody},{here}?Tls=false&GossipTimeout=1",
        "esdb+discover://{here}?Tls=false&NodePreference=random",
    ],
)
async def test_clients_connect_by_every_kind_of_uri(
    running: RunningEventStore, kind: str, uri: str
) -> None:
    here = f"127.0.0.1:{running.port}"
    caller = await connect(kind, uri.format(here=here, nobody=NOBODY))
    stream = new_stream()
    await caller(
        "append_to_stream", stream, current_version=StreamState.NO_STREAM, events=new_events(2)
    )
    assert len(await caller("get_stream", stream)) == 2
    await caller.close()


async def test_gossip_tells_one_leader_at_the_advertised_address(tmp_path: Path) -> None:
    async with serve(tmp_path, advertised_host="localhost") as running:
        caller = await connect("sync", running.uri)
        (member,) = await caller("read_gossip")
        assert (member.state, member.address, member.port) == (
            "NODE_STATE_LEADER",
            "localhost",
            running.port,
        )
        await caller.close()


async def test_a_client_that_wants_a_follower_finds_none(running: RunningEventStore) -> None:
    uri = f"esdb+discover://127.0.0.1:{running.port}?Tls=false&NodePreference=follower"
    with pytest.raises(FollowerNotFound):
        await asyncio.to_thread(EventStoreDBClient, f"{uri}&MaxDiscoverAttempts=1")


async def test_nobody_is_discovered_where_nobody_is() -> None:
    uri = f"esdb+discover://{NOBODY}?Tls=false&MaxDiscoverAttempts=2&GossipTimeout=1"
    with pytest.raises(DiscoveryFailed):
        await asyncio.to_thread(EventStoreDBClient, uri)


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("crash", [True, False])
async def test_a_client_appends_and_reads_on_after_a_restart(
    tmp_path: Path, kind: str, crash: bool
) -> None:
    stream = new_stream()
    with event_store_process(tmp_path) as process:
        port = int(process.uri.split(":")[-1].split("?")[0])
        caller = await connect(kind, process.uri)
        for expected in (StreamState.NO_STREAM, 0, 1):
            await caller("append_to_stream", stream, current_version=expected, events=new_events(1))
            if crash:
                process.kill()
            else:
                assert process.stop() == 0
            process.start(port)
        events = await caller("get_stream", stream)
        assert [event.stream_position for event in events] == [0, 1, 2]
        positions = [event.commit_position for event in events]
        assert positions == sorted(set(positions))
        await caller.close()
