"""The event store as a process: starting, refusing to start, stopping, starting again."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from esdbclient import StreamState
from esdbclient.exceptions import ServiceUnavailable

from sandbox.eventstore import EventStoreCannotStart, serve
from tests.eventstore_server import Caller, connect, event_store_process, new_events, new_stream

START_TIMEOUT_S = 20.0
NO_STREAM = StreamState.NO_STREAM


def refused(data_dir: Path, port: int = 0) -> str:
    """Start where it cannot, and return the one line that it says."""
    done = subprocess.run(
        [sys.executable, "-m", "sandbox.eventstore", "--data-dir", data_dir, "--port", str(port)],
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


async def append(caller: Caller, stream: str, count: int = 1) -> int:
    position: int = await caller(
        "append_to_stream", stream, current_version=StreamState.ANY, events=new_events(count)
    )
    return position


class TestStarting:
    def test_a_second_process_on_the_same_folder_is_refused(self, tmp_path: Path) -> None:
        with event_store_process(tmp_path):
            assert "already runs on" in refused(tmp_path)

    def test_a_folder_that_cannot_be_written_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert "make the folder writable" in refused(tmp_path / "file" / "data")

    def test_a_port_that_is_taken_is_refused(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            assert f"cannot listen on 127.0.0.1:{port}" in refused(tmp_path, port)

    def test_a_file_that_is_no_database_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "eventstore.sqlite3").write_bytes(b"not a database" * 100)
        assert "cannot open" in refused(tmp_path)

    async def test_the_lock_is_free_again_after_a_refusal(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            refused = serve(tmp_path, port=taken.getsockname()[1])
            with pytest.raises(EventStoreCannotStart):
                await refused.__aenter__()
        async with serve(tmp_path) as running:
            assert running.port > 0


class TestStopping:
    async def test_is_clean_and_keeps_everything(self, tmp_path: Path) -> None:
        stream = new_stream()
        with event_store_process(tmp_path) as process:
            caller = await connect("async", process.uri)
            before = await append(caller, stream, 3)
            await caller.close()
            assert process.stop() == 0
            process.start()
            caller = await connect("async", process.uri)
            assert len(await caller("get_stream", stream)) == 3
            assert await append(caller, stream) > before
            await caller.close()

    async def test_tells_subscribers_that_the_server_is_not_available(self, tmp_path: Path) -> None:
        async with serve(tmp_path) as running:
            caller = await connect("async", running.uri)
            subscription = await caller("subscribe_to_all", filter_exclude=[])
            await caller.take(subscription, 1)
            waiting = asyncio.create_task(caller.take(subscription, 1))
            await asyncio.sleep(0)
        with pytest.raises(ServiceUnavailable):
            await waiting
        await caller.close()

    async def test_a_client_goes_on_with_the_server_that_comes_back(self, tmp_path: Path) -> None:
        stream = new_stream()
        with event_store_process(tmp_path) as process:
            port = int(process.uri.split(":")[-1].split("?")[0])
            caller = await connect("async", process.uri)
            await append(caller, stream)
            assert process.stop() == 0
            process.start(port)
            await append(caller, stream)
            assert len(await caller("get_stream", stream)) == 2
            await caller.close()
