"""Walks a whole log and says what is damaged, and where.

Every event is decoded and compared with its checksum and with what the database knows about it;
then SQLite checks its own pages and indexes. Nothing is changed, and a store that runs goes on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from uuid import UUID
from zlib import crc32

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # no stubs

from sandbox.eventstore.data_dir import DATABASE_FILE
from sandbox.eventstore.database import SCHEMA_VERSION, open_backup, open_reader
from sandbox.eventstore.recorded_event import ReadResp
from sandbox.eventstore.stream_state import TOMBSTONE_NUMBER, metadata_stream

# What is reported at most; a log with that much damage needs a backup, not a longer list.
DAMAGES_MAX = 100
WALK_EVENTS = 512

_COLUMNS = """
SELECT position, streams.name, number, types.name, event_id, created, checksum, response
FROM events LEFT JOIN streams ON streams.id = stream_id LEFT JOIN types ON types.id = type_id
"""
_WALK = f"{_COLUMNS} WHERE position > ? ORDER BY position LIMIT {WALK_EVENTS}"
_ONE = f"{_COLUMNS} WHERE position = ?"
_GAPS = """
SELECT name, stream_id FROM
(SELECT stream_id, count(*) AS stored, min(number) AS first, max(number) AS last
 FROM events INDEXED BY events_by_number WHERE number < ? GROUP BY stream_id)
LEFT JOIN streams ON streams.id = stream_id WHERE first <> 0 OR last <> stored - 1
"""
_METADATA = "SELECT name, metadata FROM streams WHERE metadata IS NOT NULL"
_NEWEST = """
SELECT response FROM events WHERE stream_id = (SELECT id FROM streams WHERE name = ?)
AND number < ? ORDER BY number DESC LIMIT 1
"""


class NothingToVerify(Exception):
    """There is no event store here; the message says where it was looked for."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that is not as it was written.

    Attributes:
        position: Of the event in the log; ``None`` if it is not about one event.
        problem: What is wrong.
    """

    position: int | None
    problem: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What a walk through the log has found.

    Attributes:
        events: How many were read.
        last_position: That of the last one; 0 if there is none.
        damages: At most ``DAMAGES_MAX``.
    """

    events: int
    last_position: int
    damages: tuple[Damage, ...]


class _Row(NamedTuple):
    position: int
    stream: str | None
    number: int
    type: str | None
    event_id: bytes
    created: int
    checksum: int
    response: bytes


def verify_data_dir(data_dir: Path) -> Verification:
    """Verify the log of a folder, whether a server runs on it or not.

    Raises:
        NothingToVerify: The folder holds no event store.
    """
    database = data_dir / DATABASE_FILE
    if not database.is_file():
        raise NothingToVerify(f"there is no event store in {data_dir}")
    return _verified(database, backup=False)


def verify_backup(backup: Path) -> Verification:
    """Verify a backup.

    Raises:
        NothingToVerify: There is no such file.
    """
    if not backup.is_file():
        raise NothingToVerify(f"there is no file {backup}")
    return _verified(backup, backup=True)


def _verified(database: Path, *, backup: bool) -> Verification:
    log = _Log()
    try:
        with closing(open_backup(database) if backup else open_reader(database)) as connection:
            connection.execute("BEGIN")  # one state of the log throughout
            damages = tuple(islice(log.damages(connection), DAMAGES_MAX))
    except sqlite3.Error as error:
        damages = (Damage(None, f"the database cannot be read: {error}"),)
    return Verification(log.events, log.last_position, damages)


class _Log:
    """Counts what it reads."""

    def __init__(self) -> None:
        self.events = 0
        self.last_position = 0

    def damages(self, connection: sqlite3.Connection) -> Iterator[Damage]:
        """Yield what is damaged, in the order of the log, then what is not about one event."""
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version != SCHEMA_VERSION:
            yield Damage(None, f"schema {version}, this program knows {SCHEMA_VERSION}")
            return
        end = connection.execute("SELECT max(position) FROM events").fetchone()[0] or 0
        while self.last_position < end:
            before = self.last_position
            for row in _rows_after(connection, before, end):
                if isinstance(row, Damage):
                    yield row
                    continue
                for missing in range(self.last_position + 1, row.position):
                    yield Damage(missing, "the event is missing")
                self.events += 1
                self.last_position = row.position
                yield from _damages_of(row)
            if self.last_position == before:  # nothing in this stretch could be read
                self.last_position = min(end, before + WALK_EVENTS)
        yield from _damages_of_streams(connection)
        for (problem,) in connection.execute(f"PRAGMA integrity_check({DAMAGES_MAX})"):
            if problem != "ok":
                yield Damage(None, problem)


def _rows_after(connection: sqlite3.Connection, after: int, end: int) -> Iterator[_Row | Damage]:
    """Yield some rows; where the database cannot give them together, one by one."""
    try:
        rows = connection.execute(_WALK, (after,)).fetchall()
    except sqlite3.Error:
        for position in range(after + 1, min(end, after + WALK_EVENTS) + 1):
            try:
                one = connection.execute(_ONE, (position,)).fetchone()
            except sqlite3.Error as error:
                yield Damage(position, f"the event cannot be read: {error}")
            else:
                yield Damage(position, "the event is missing") if one is None else _Row(*one)
    else:
        yield from (_Row(*row) for row in rows)


def _damages_of(row: _Row) -> Iterator[Damage]:
    if crc32(row.response) != row.checksum:
        yield Damage(row.position, "the event is not what was written: its checksum differs")
        return
    try:
        event = ReadResp.FromString(row.response).event.event
        written = (
            event.commit_position,
            event.stream_identifier.stream_name.decode(),
            event.stream_revision,
            event.metadata["type"],
            UUID(event.id.string).bytes,
            int(event.metadata["created"]),
        )
    except (DecodeError, ValueError) as error:
        yield Damage(row.position, f"the event cannot be decoded: {error}")
        return
    names = ("position", "stream", "number", "type", "id", "time")
    for name, said, known in zip(names, written, row, strict=False):
        if said != known:
            yield Damage(row.position, f"the event's {name} is {said!r}, its row says {known!r}")


def _damages_of_streams(connection: sqlite3.Connection) -> Iterator[Damage]:
    for name, stream_id in connection.execute(_GAPS, (TOMBSTONE_NUMBER,)):
        yield Damage(None, f"the events of stream {name or stream_id!r} are not numbered 0, 1, 2…")
    for name, metadata in connection.execute(_METADATA):
        key = (metadata_stream(name), TOMBSTONE_NUMBER)
        newest = connection.execute(_NEWEST, key).fetchone()
        if newest is None or ReadResp.FromString(newest[0]).event.event.data != metadata:
            yield Damage(None, f"the metadata of stream {name!r} is not the newest that was set")
