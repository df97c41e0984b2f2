"""A full disk: appends are refused with a reason, reads go on, and room made is room used.

Once on a file system of a few megabytes that is really full (a tmpfs; needs the right to mount)
and takes no line of its log either, and once with a limit on the size of the server's files, which needs no rights.
"""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from esdbclient import NewEvent, StreamState
from esdbclient.exceptions import InternalError

from tests.eventstore_server import Caller, EventStoreProcess, connect, event_store_process

FILE_SYSTEM_MIB = 6
BALLAST_BYTES = 3 * 1024 * 1024
FILE_BYTES_MAX = 1024 * 1024
EVENT_BYTES = 50_000
# More appends than there can be room for.
APPENDS_MAX = 200
MOUNT_TIMEOUT_S = 10.0


@dataclass
class Disk:
    """Where a server runs, and how it is given room.

    Attributes:
        text: What the refusal says.
        make_room: Called while the server runs.
    """

    process: EventStoreProcess
    text: str
    make_room: Callable[[], None]


@pytest.fixture(params=["tmpfs", "limit"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """A disk with little room."""
    with small_file_system(tmp_path) if request.param == "tmpfs" else small_files(tmp_path) as disk:
        yield disk


@contextmanager
def small_file_system(folder: Path) -> Iterator[Disk]:
    mount = ["mount", "-t", "tmpfs", "-o", f"size={FILE_SYSTEM_MIB}m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True, timeout=MOUNT_TIMEOUT_S)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a file system cannot be mounted here")
    try:
        ballast = folder / "ballast"
        ballast.write_bytes(bytes(BALLAST_BYTES))
        with event_store_process(folder / "data") as process:
            yield Disk(process, "database or disk is full", ballast.unlink)
    finally:
        unmount = ["umount", str(folder)]
        subprocess.run(unmount, check=True, capture_output=True, timeout=MOUNT_TIMEOUT_S)


@contextmanager
def small_files(folder: Path) -> Iterator[Disk]:
    with event_store_process(folder) as process:
        unlimited = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)

        def limit(limits: tuple[int, int]) -> None:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limits)

        limit((FILE_BYTES_MAX, unlimited[1]))
        yield Disk(process, "disk I/O error", lambda: limit(unlimited))


async def append(caller: Caller, stored: list[NewEvent]) -> None:
    event = NewEvent(type="Large", data=b"x" * EVENT_BYTES)
    await caller("append_to_stream", "s", current_version=StreamState.ANY, events=[event])
    stored.append(event)


async def check(caller: Caller, stored: list[NewEvent]) -> None:
    events: Any = await caller("get_stream", "s")
    assert [event.id for event in events] == [event.id for event in stored]


async def test_refuses_appends_serves_reads_and_goes_on_with_room(disk: Disk) -> None:
    caller = await connect("async", disk.process.uri)
    stored: list[NewEvent] = []

    async def fill() -> None:
        for _ in range(APPENDS_MAX):
            await append(caller, stored)

    with pytest.raises(InternalError, match=f"could not write: {disk.text}"):
        await fill()
    assert stored
    await check(caller, stored)
    with pytest.raises(InternalError, match=disk.text):
        await append(caller, [])
    disk.make_room()
    for _ in range(5):
        await append(caller, stored)
    await check(caller, stored)
    await caller.close()
    disk.process.kill()
    disk.process.start()
    caller = await connect("async", disk.process.uri)
    await check(caller, stored)
    await caller.close()
