"""Rows on their way into the database, written with one statement for many.

Each statement costs the writer's thread the interpreter's lock twice; one for a whole group of
appends leaves the lock to the event loop.
"""

from __future__ import annotations

import sqlite3

ROWS_PER_STATEMENT = 128
Row = tuple[object, ...]


class PendingRows:
    """New rows of one table, in the order in which they were added."""

    def __init__(self, connection: sqlite3.Connection, insert: str, *, columns: int) -> None:
        """Take the statement up to and including ``VALUES``, and the number of its columns."""
        self._connection = connection
        self._insert = insert
        self._values = f"({', '.join('?' * columns)})"
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        """Put a row behind the others."""
        self._rows.append(row)

    def write(self) -> None:
        """Insert what is pending.

        Raises:
            sqlite3.Error: The transaction must be rolled back.
        """
        rows, self._rows = self._rows, []
        for first in range(0, len(rows), ROWS_PER_STATEMENT):
            some = rows[first : first + ROWS_PER_STATEMENT]
            statement = self._insert + ", ".join([self._values] * len(some))
            self._connection.execute(statement, [value for row in some for value in row])

    def drop(self) -> None:
        """Forget what is pending."""
        self._rows.clear()
