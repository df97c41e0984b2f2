"""Keeps SQLite's write-ahead log short, so that a start after a crash is quick at any size.

SQLite copies the log into the database by itself and then begins it anew, but only at a moment at
which nobody reads. Under readers that never pause the log would grow for ever; then the writer
waits for those that read just now. Source: SQLite documentation, "Write-Ahead Logging", section 6.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

LENGTH_MAX = 32 * 1024 * 1024
# A read takes a few milliseconds; one that takes longer is not waited for.
READERS_TIMEOUT_MS = 200


class WriteAheadLog:
    """The log file beside a database, looked after by the one who writes."""

    def __init__(self, connection: sqlite3.Connection, database: Path) -> None:
        self._connection = connection
        self._file = database.with_name(database.name + "-wal")
        self._shorten_at = LENGTH_MAX
        connection.execute(f"PRAGMA busy_timeout={READERS_TIMEOUT_MS}")

    def shorten(self) -> None:
        """Empty the log if it has become too long; to be called between transactions.

        If a reader is in the way, the next attempt is made when it has grown as much again.

        Raises:
            sqlite3.Error: The database cannot be written; nothing is lost.
        """
        length = self._file.stat().st_size
        if length < self._shorten_at:
            return
        busy, _, _ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self._shorten_at = length + LENGTH_MAX if busy else LENGTH_MAX
