"""Takes away for good what a tombstoned stream held, at once where EventStoreDB waits for a scavenge.

Of each event the place in the log is left, under a type of its own and hidden from those who read the
log, so that positions have no gaps and a damaged log can still be told from a scavenged one.
"""

from __future__ import annotations

import sqlite3
from zlib import crc32

from sandbox.eventstore import recorded_event
from sandbox.eventstore.database import HIDDEN
from sandbox.eventstore.names import Names
from sandbox.eventstore.stream_state import SCAVENGED_TYPE, TOMBSTONE_NUMBER
from sandbox.eventstore.writes import ProposedEvent

EVENTS_AT_A_TIME = 512

_LEFT = f"""
SELECT position, number, event_id, created FROM events
WHERE stream_id = (SELECT id FROM streams WHERE name = ?) AND number > ? AND number < ?
ORDER BY number LIMIT {EVENTS_AT_A_TIME}
"""  # noqa: S608 -- a constant
_EMPTY = """
UPDATE events SET type_id = ?, category_id = ?, checksum = ?, response = ? WHERE position = ?
"""


def scavenge(connection: sqlite3.Connection, stream: str, types: Names) -> None:
    """Empty the events of a stream, its tombstone excepted.

    Raises:
        sqlite3.Error: The transaction must be rolled back.
    """
    type_id = types.id_of(SCAVENGED_TYPE)
    after = -1
    while rows := connection.execute(_LEFT, (stream, after, TOMBSTONE_NUMBER)).fetchall():
        for position, number, event_id, created in rows:
            left = ProposedEvent(event_id, SCAVENGED_TYPE, is_json=False, data=b"", metadata=b"")
            response = recorded_event.encode(
                left, stream=stream, number=number, position=position, created=created
            )
            row = (type_id, HIDDEN, crc32(response), response, position)
            connection.execute(_EMPTY, row)
            after = number
