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
# How often it is tried to empty the log at once; all that time nothing is written.
EMPTYING_ATTEMPTS_MAX = 25


class WriteAheadLog:
    """The log file beside a database, looked after by the one who writes."""

    def __init__(self, connection: sqlite3.Connection, database: Path) -> None:
        self._connection = connection
        self._file = database.with_name(database.name + "-wal")
        self._shorten_at = 0  # one that a crash left may hold what was to be erased
        connection.execute(f"PRAGMA busy_timeout={READERS_TIMEOUT_MS}")

    def shorten(self) -> None:
        """Empty the log if it has become too long; to be called between transactions.

        If a reader is in the way, the next attempt is made when it has grown as much again; where
        something is to be erased from it, after the next transaction.

        Raises:
            sqlite3.Error: The database cannot be written; nothing is lost.
        """
        length = self._file.stat().st_size
        if length < self._shorten_at:
            return
        if self._truncated():
            self._shorten_at = LENGTH_MAX
        elif self._shorten_at:
            self._shorten_at = length + LENGTH_MAX

    def empty(self) -> bool:
        """Empty the log now, since it holds what must not be kept; to be called between transactions.

        Returns:
            Whether it is empty. If not, a reader was in the way all the time: ``shorten`` tries again.

        Raises:
            sqlite3.Error: The database cannot be written; nothing is lost.
        """
        self._shorten_at = 0  # until it was done
        if not any(self._truncated() for _ in range(EMPTYING_ATTEMPTS_MAX)):
            return False
        self._shorten_at = LENGTH_MAX
        return True

    def _truncated(self) -> bool:
        busy, _, _ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy
