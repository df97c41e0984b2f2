"""The folder that holds one event store, and the lock that keeps a second process out of it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = "eventstore.lock"
DATABASE_FILE = "eventstore.sqlite3"


class EventStoreCannotStart(Exception):
    """The event store cannot run here; the message is one line that says what to do."""


@contextmanager
def held_data_dir(data_dir: Path) -> Iterator[Path]:
    """Create the folder if need be, lock it, and yield the path of the database in it.

    The lock belongs to the process and vanishes with it, however it ends.

    Raises:
        EventStoreCannotStart: The folder cannot be written, or another process holds it.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EventStoreCannotStart(
            f"the event store cannot write to {data_dir} ({error.strerror}); "
            "make the folder writable or give another --data-dir"
        ) from error
    try:
        _lock(lock, data_dir)
        yield data_dir / DATABASE_FILE
    finally:
        os.close(lock)


def _lock(lock: int, data_dir: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip() or "unknown"
        raise EventStoreCannotStart(
            f"another event store (process {holder}) already runs on {data_dir}; "
            "stop it or give another --data-dir"
        ) from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode("ascii"), 0)
