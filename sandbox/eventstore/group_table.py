"""The groups of readers as they are stored: what they are, and how far they have come."""

from __future__ import annotations

import sqlite3

from sandbox.eventstore.writes import DropGroup, GroupWrite, PutGroup, SettleGroup

_PUT = """
INSERT INTO groups (source, name, definition) VALUES (?, ?, ?)
ON CONFLICT (source, name) DO UPDATE SET definition = excluded.definition
"""
_SETTLE = "UPDATE groups SET checkpoint = ? WHERE source = ? AND name = ?"
_DROP = "DELETE FROM groups WHERE source = ? AND name = ?"
_STORED = "SELECT definition, checkpoint FROM groups ORDER BY source, name"


def write_group(connection: sqlite3.Connection, write: GroupWrite) -> None:
    """Carry a write out, inside a transaction.

    Raises:
        sqlite3.Error: The transaction must be rolled back.
    """
    match write:
        case PutGroup(source, name, definition):
            connection.execute(_PUT, (source, name, definition))
        case SettleGroup(source, name, checkpoint):
            connection.execute(_SETTLE, (checkpoint, source, name))
        case DropGroup(source, name):
            connection.execute(_DROP, (source, name))


def stored_groups(connection: sqlite3.Connection) -> list[tuple[str, int | None]]:
    """Return each group's definition and checkpoint."""
    return connection.execute(_STORED).fetchall()
