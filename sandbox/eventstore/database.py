"""The SQLite database: its tables, and how a connection to it is set up.

Positions are counted from 1 without gaps and are given out by the one writer inside the
transaction that stores the event, so that a reader never sees a position before all lower ones.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

SCHEMA_VERSION = 2
# One connection writes, several read; what they all keep in memory together must stay small.
WRITER_CACHE_KIB = 24 * 1024
READER_CACHE_KIB = 8 * 1024
# How long a connection waits for a lock of SQLite's own (recovery after a crash, a checkpoint).
LOCK_TIMEOUT_S = 10.0
STATEMENTS_CACHED = 256

# The category of events that reads of the whole log do not show.
HIDDEN = 0

# `response` is what a read sends, so that reading encodes nothing, and `checksum` its CRC-32.
# `number` is the event's number in its stream; `metadata` is the newest event of the stream's
# metadata stream, NULL if there is none. Indexes end with the position, which is the row's id: those
# by type and by category give the log's order, without what a filter does not want.
TABLES = """
CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    metadata BLOB
);
CREATE TABLE types (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE categories (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    stream_id INTEGER NOT NULL REFERENCES streams (id),
    number INTEGER NOT NULL,
    type_id INTEGER NOT NULL REFERENCES types (id),
    category_id INTEGER NOT NULL,
    event_id BLOB NOT NULL,
    created INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    response BLOB NOT NULL
);
CREATE UNIQUE INDEX events_by_number ON events (stream_id, number);
CREATE INDEX events_by_id ON events (stream_id, event_id);
CREATE INDEX events_by_type ON events (type_id);
CREATE INDEX events_by_category ON events (category_id);
CREATE TABLE groups (
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    definition TEXT NOT NULL,
    checkpoint INTEGER,
    PRIMARY KEY (source, name)
) WITHOUT ROWID;
"""


class UnknownSchema(Exception):
    """The database was written by another version than this one."""


def open_writer(database: Path) -> sqlite3.Connection:
    """Return the one connection that writes; creates the tables in a new database.

    ``synchronous=FULL`` makes a commit wait until the log is on the disk, so that what was
    acknowledged survives a power cut (SQLite documentation, ``PRAGMA synchronous``).
    ``secure_delete`` overwrites with zeros what a tombstone takes away; an append deletes nothing.

    Raises:
        UnknownSchema: The file comes from another version; nothing was changed.
        sqlite3.Error: The file cannot be opened, or is no database.
    """
    connection = _connect(database, WRITER_CACHE_KIB)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA secure_delete=ON")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.executescript(
            f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
        )
    elif version != SCHEMA_VERSION:
        connection.close()
        raise UnknownSchema(f"schema {version}, this program knows {SCHEMA_VERSION}")
    return connection


def open_reader(database: Path) -> sqlite3.Connection:
    """Return a connection that can only read, and sees only what was committed."""
    connection = _connect(database, READER_CACHE_KIB)
    connection.execute("PRAGMA query_only=ON")
    return connection


def open_backup(database: Path) -> sqlite3.Connection:
    """Return a connection to a file that nobody writes; it makes no files beside it."""
    return sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def _connect(database: Path, cache_kib: int) -> sqlite3.Connection:
    connection = sqlite3.connect(
        database,
        timeout=LOCK_TIMEOUT_S,
        isolation_level=None,  # transactions are begun and ended in so many words
        check_same_thread=False,  # opened in one thread, then used by one other
        cached_statements=STATEMENTS_CACHED,
    )
    connection.execute(f"PRAGMA cache_size=-{cache_kib}")
    return connection
