"""What a simulator remembers: documents in one SQLite file, durable before they are answered.

Every operation runs alone, inside a savepoint of the batch that is open; one commit then makes the whole
batch durable. Requests that arrive while the disk is busy share the next commit, so a slow disk costs
latency, not throughput.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from sandbox.private_file import OWNER_ONLY

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (kind, key)
);
CREATE INDEX IF NOT EXISTS documents_in_order ON documents (kind, sequence);
CREATE TABLE IF NOT EXISTS due (
    queue TEXT NOT NULL,
    key TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (queue, key)
);
CREATE INDEX IF NOT EXISTS due_in_order ON due (queue, at);
"""

# Whoever copies the books holds them for a moment at most.
READERS_WITHIN_S = 5.0

T = TypeVar("T")
Document = TypeVar("Document", bound=msgspec.Struct)


class StoreUnavailable(Exception):
    """The data folder cannot be used: not writable, not a database, or another process holds it."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One stored document, not yet decoded, with its place in the order of first writing."""

    sequence: int
    kind: str
    body: bytes


class Store:
    """Documents by kind and key, and keys that wait for a time. Everything belongs inside :meth:`transact`."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self._connection = connection
        self._batch: asyncio.Future[None] | None = None

    def get(self, kind: str, key: str, document_type: type[Document]) -> Document | None:
        """Return the document, or nothing where there is none."""
        row = self._connection.execute(
            "SELECT body FROM documents WHERE kind = ? AND key = ?", (kind, key)
        ).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=document_type)

    def put(self, kind: str, key: str, document: msgspec.Struct) -> None:
        """Write the document over whatever was there; its place in the order stays."""
        self._connection.execute(
            "INSERT INTO documents (kind, key, body) VALUES (?, ?, ?)"
            " ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body",
            (kind, key, msgspec.json.encode(document)),
        )

    def claim(self, kind: str, key: str, document: msgspec.Struct) -> bool:
        """Write the document unless the key is taken; say whether it was written."""
        cursor = self._connection.execute(
            "INSERT INTO documents (kind, key, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (kind, key, msgspec.json.encode(document)),
        )
        return cursor.rowcount == 1

    def remove(self, kind: str, key: str) -> None:
        """Forget the document, if there is one."""
        self._connection.execute("DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key))

    def page(self, kinds: Sequence[str], *, after: int, limit: int) -> list[Row]:
        """Return at most ``limit`` documents of these kinds that follow ``after``, in order."""
        rows = self._connection.execute(
            "SELECT sequence, kind, body FROM documents"
            " WHERE kind IN (SELECT value FROM json_each(?)) AND sequence > ?"
            " ORDER BY sequence LIMIT ?",
            (msgspec.json.encode(kinds).decode(), after, limit),
        )
        return [Row(sequence=sequence, kind=kind, body=body) for sequence, kind, body in rows]

    def put_on_queue(self, queue: str, key: str, at: datetime) -> None:
        """Let ``key`` come up in ``queue`` at a time; a key that waits already is moved to it."""
        self._connection.execute(
            "INSERT INTO due (queue, key, at) VALUES (?, ?, ?)"
            " ON CONFLICT (queue, key) DO UPDATE SET at = excluded.at",
            (queue, key, at.timestamp()),
        )

    def take_off_queue(self, queue: str, key: str) -> bool:
        """Let ``key`` wait no longer; say whether it did."""
        cursor = self._connection.execute(
            "DELETE FROM due WHERE queue = ? AND key = ?", (queue, key)
        )
        return cursor.rowcount == 1

    def waits_on_queue(self, queue: str, key: str) -> bool:
        """Say whether ``key`` waits in ``queue``."""
        row = self._connection.execute(
            "SELECT 1 FROM due WHERE queue = ? AND key = ?", (queue, key)
        ).fetchone()
        return row is not None

    def due(self, queue: str, *, until: datetime, limit: int) -> list[str]:
        """Return at most ``limit`` keys whose time has come, in the order of their times."""
        rows = self._connection.execute(
            "SELECT key FROM due WHERE queue = ? AND at <= ? ORDER BY at, rowid LIMIT ?",
            (queue, until.timestamp(), limit),
        )
        return [key for (key,) in rows]

    def anything_waits(self, queue: str) -> bool:
        """Say whether any key waits in ``queue``, due or not."""
        row = self._connection.execute("SELECT 1 FROM due WHERE queue = ? LIMIT 1", (queue,))
        return row.fetchone() is not None

    async def transact(self, work: Callable[[], T]) -> T:
        """Run ``work`` alone and return, or raise, what it does once that is durable.

        What a failing ``work`` wrote is undone; what others wrote in the same batch stays. A refusal waits
        for the commit too, because it may rest on what another call has just written.

        Raises:
            sqlite3.Error: The batch could not be made durable; nothing of it remains.
        """
        batch = self._batch or self._open_batch()
        self._connection.execute("SAVEPOINT work")
        try:
            result = work()
        except BaseException:
            self._connection.execute("ROLLBACK TO work")
            self._connection.execute("RELEASE work")
            await asyncio.shield(batch)
            raise
        self._connection.execute("RELEASE work")
        await asyncio.shield(batch)
        return result

    def _open_batch(self) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        self._connection.execute("BEGIN")
        self._batch = loop.create_future()
        loop.call_soon(self._commit, self._batch)
        return self._batch

    def _commit(self, batch: asyncio.Future[None]) -> None:
        self._batch = None
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            batch.set_exception(error)
        else:
            batch.set_result(None)


@contextmanager
def open_store(path: Path) -> Iterator[Store]:
    """Open, or make, the file at ``path`` and hold it alone until the end.

    Raises:
        StoreUnavailable: With one sentence for a person; choose another folder or end the other process.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=OWNER_ONLY)  # it holds credentials, if only artificial ones
        # Not SQLite's own lock: a backup may read while this process writes.
        lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, OWNER_ONLY)
    except OSError as error:
        raise StoreUnavailable(f"cannot write to {path}: {error}") from error
    try:
        with _locked(lock, path), _connected(path) as connection:
            yield Store(connection, path)
    finally:
        os.close(lock)


@contextmanager
def _locked(lock: int, path: Path) -> Iterator[None]:
    """Hold the lock, which vanishes with the process."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StoreUnavailable(f"cannot use {path}: it is locked by another process") from error
    yield


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=READERS_WITHIN_S)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"cannot use {path}: {error}") from error
    try:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"cannot use {path}: {error}") from error
        yield connection
    finally:
        connection.close()
