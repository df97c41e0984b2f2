"""Names that many events share, stored once and known by number."""

from __future__ import annotations

import sqlite3
from typing import Literal

NAMES_CACHED_MAX = 8192

_STATEMENTS = {
    "types": (
        "INSERT OR IGNORE INTO types (name) VALUES (?)",
        "SELECT id FROM types WHERE name = ?",
    ),
    "categories": (
        "INSERT OR IGNORE INTO categories (name) VALUES (?)",
        "SELECT id FROM categories WHERE name = ?",
    ),
}


class Names:
    """The names in one table, as the only one who adds to it sees them."""

    def __init__(
        self, connection: sqlite3.Connection, table: Literal["types", "categories"]
    ) -> None:
        self._connection = connection
        self._insert, self._select = _STATEMENTS[table]
        self._ids: dict[str, int] = {}

    def forget(self) -> None:
        """Take everything from the database again: a rollback may have undone new names."""
        self._ids.clear()

    def id_of(self, name: str) -> int:
        """Return a name's number; a new name gets one.

        Raises:
            sqlite3.Error: The transaction must be rolled back.
        """
        known = self._ids.get(name)
        if known is not None:
            return known
        self._connection.execute(self._insert, (name,))
        number = int(self._connection.execute(self._select, (name,)).fetchone()[0])
        if len(self._ids) >= NAMES_CACHED_MAX:
            self._ids.clear()
        self._ids[name] = number
        return number
