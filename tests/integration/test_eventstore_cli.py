"""``payment-gateway eventstore``: verify, backup and restore as an operator uses them."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from esdbclient import StreamState

from sandbox.eventstore.data_dir import DATABASE_FILE
from tests.command_line import run_command
from tests.eventstore_server import connect, event_store_process, new_events, new_stream

COMMAND_TIMEOUT_S = 60.0
EVENTS = 1200


def command(*arguments: object, answer: str = "") -> subprocess.CompletedProcess[str]:
    return run_command("eventstore", *map(str, arguments), env={}, given=answer)


async def in_json(*arguments: object) -> Any:
    done = await asyncio.to_thread(command, *arguments, "--json")
    return json.loads(done.stdout)


async def fill(uri: str, events: int = EVENTS) -> None:
    caller = await connect("async", uri)
    await caller(
        "append_to_stream",
        new_stream(),
        current_version=StreamState.NO_STREAM,
        events=new_events(events),
    )
    await caller.close()


@pytest.fixture
async def data_dir(tmp_path: Path) -> Path:
    """A folder with some events, on which no server runs."""
    data_dir = tmp_path / "data"
    with event_store_process(data_dir) as process:
        await fill(process.uri)
        assert process.stop() == 0
    return data_dir


def change(data_dir: Path, statement: str) -> None:
    with closing(sqlite3.connect(data_dir / DATABASE_FILE)) as connection, connection:
        connection.execute(statement)


class TestVerify:
    async def test_of_a_whole_log_counts_its_events(self, data_dir: Path) -> None:
        assert await in_json("verify", "--data-dir", data_dir) == {
            "events": EVENTS + 1,
            "lastPosition": EVENTS + 1,
            "damages": [],
        }

    async def test_goes_on_while_a_server_runs(self, tmp_path: Path) -> None:
        with event_store_process(tmp_path) as process:
            await fill(process.uri, 3)
            assert (await in_json("verify", "--data-dir", tmp_path))["events"] == 4

    @pytest.mark.parametrize(
        ("statement", "position", "problem"),
        [
            (
                "UPDATE events SET response = zeroblob(length(response)) WHERE position = 700",
                700,
                "checksum differs",
            ),
            ("UPDATE events SET number = 5000 WHERE position = 600", 600, "number is 598"),
            ("UPDATE events SET type_id = 1 WHERE position = 9", 9, "type is 'OrderPlaced'"),
            ("DELETE FROM events WHERE position = 513", 513, "missing"),
        ],
    )
    async def test_names_the_position_of_what_is_damaged(
        self, data_dir: Path, statement: str, position: int, problem: str
    ) -> None:
        change(data_dir, statement)
        done = await asyncio.to_thread(command, "verify", "--data-dir", data_dir)
        assert done.returncode == 1
        assert f"position {position}: " in done.stdout
        assert problem in done.stdout

    async def test_reads_on_behind_pages_that_the_disk_has_lost(self, data_dir: Path) -> None:
        database = data_dir / DATABASE_FILE
        with database.open("r+b") as file:
            file.seek(database.stat().st_size // 2)
            file.write(b"\xff" * 8192)
        found = await in_json("verify", "--data-dir", data_dir)
        assert found["damages"]
        assert 0 < found["events"] <= EVENTS + 1

    def test_of_a_folder_without_events_is_refused(self, tmp_path: Path) -> None:
        done = command("verify", "--data-dir", tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert "there is no event store" in done.stderr
        assert not list(tmp_path.iterdir())


class TestBackup:
    async def test_is_whole_while_appends_go_on_and_comes_back(self, tmp_path: Path) -> None:
        copy, back = tmp_path / "copy", tmp_path / "back"
        with event_store_process(tmp_path / "data") as process:
            await fill(process.uri)
            stopped = asyncio.Event()

            async def write() -> int:
                rounds = 0
                while not stopped.is_set():
                    await fill(process.uri, 50)
                    rounds += 1
                return rounds

            writing = asyncio.create_task(write())
            made = await in_json("backup", "--data-dir", tmp_path / "data", "--to", copy)
            stopped.set()
            assert await writing > 1
        assert made["damages"] == []
        assert (made["lastPosition"] - EVENTS - 1) % 50 == 0  # no append is half in it
        assert await in_json("restore", "--data-dir", back, "--from", copy) == made
        with event_store_process(back) as process:
            caller = await connect("async", process.uri)
            log = await caller.all_of(await caller("read_all", filter_exclude=[]))
            assert [event.commit_position for event in log] == list(range(1, made["events"] + 1))
            await caller.close()

    async def test_does_not_replace_a_file(self, data_dir: Path, tmp_path: Path) -> None:
        (tmp_path / "copy").touch()
        done = command("backup", "--data-dir", data_dir, "--to", tmp_path / "copy")
        assert done.returncode == 1
        assert "name a new file" in done.stderr


class TestRestore:
    @pytest.fixture
    def copy(self, data_dir: Path, tmp_path: Path) -> Path:
        done = command("backup", "--data-dir", data_dir, "--to", tmp_path / "copy")
        assert done.returncode == 0
        return tmp_path / "copy"

    def test_asks_before_it_replaces_events(self, data_dir: Path, copy: Path) -> None:
        before = (data_dir / DATABASE_FILE).read_bytes()
        done = command("restore", "--data-dir", data_dir, "--from", copy, answer="n\n")
        assert done.returncode == 1
        assert "would be lost" in done.stderr
        assert (data_dir / DATABASE_FILE).read_bytes() == before
        done = command("restore", "--data-dir", data_dir, "--from", copy, "--yes")
        assert done.returncode == 0

    async def test_is_refused_while_a_server_runs(self, data_dir: Path, copy: Path) -> None:
        with event_store_process(data_dir):
            done = command("restore", "--data-dir", data_dir, "--from", copy, "--yes")
            assert done.returncode == 1
            assert "already runs on" in done.stderr

    def test_of_a_damaged_backup_is_refused(self, data_dir: Path, copy: Path) -> None:
        whole = copy.read_bytes()
        half = len(whole) // 2
        copy.write_bytes(whole[:half] + b"\xff" * 4096 + whole[half + 4096 :])
        done = command("restore", "--data-dir", data_dir / "new", "--from", copy)
        assert done.returncode == 1
        assert "is damaged" in done.stderr
