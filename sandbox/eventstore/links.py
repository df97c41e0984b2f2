"""Link events: an event that stands for another one, ``<number>@<stream>``.

Source: EventStoreDB documentation, "Projections" (linkTo, resolving links).
"""

from __future__ import annotations

import sqlite3

from sandbox.eventstore.recorded_event import ReadResp, serialized
from sandbox.eventstore.stream_lookup import load_stream

LINK_TYPE = "$>"
_LINK_TYPE_BYTES = LINK_TYPE.encode()
_EVENT = "SELECT response FROM events WHERE stream_id = ? AND number = ?"


def resolved(connection: sqlite3.Connection, response: bytes) -> bytes:
    """Return the response with the event that it links to, or as it is if it is no link.

    A link whose target is gone has only its ``link`` set, which clients skip.
    """
    if _LINK_TYPE_BYTES not in response:  # nearly every event is settled here, undecoded
        return response
    read = ReadResp.FromString(response)
    if read.event.event.metadata["type"] != LINK_TYPE:
        return response
    target = parsed(read.event.event.data)
    if target is None:
        return response
    resolution = ReadResp.ReadEvent(
        link=read.event.event, commit_position=read.event.commit_position
    )
    stored = _visible_event(connection, *target)
    if stored is not None:
        resolution.event.CopyFrom(ReadResp.FromString(stored).event.event)
    return serialized(ReadResp(event=resolution))


def parsed(data: bytes) -> tuple[int, str] | None:
    """Return number and stream of a link's data, or ``None`` if it is something else."""
    number, at, stream = data.partition(b"@")
    if not at or not stream or not number.isdigit():
        return None
    try:
        return int(number), stream.decode()
    except ValueError:
        return None


def _visible_event(connection: sqlite3.Connection, number: int, name: str) -> bytes | None:
    stream = load_stream(connection, name)
    if stream.tombstoned or not stream.first_visible <= number <= stream.last:
        return None
    row = connection.execute(_EVENT, (stream.stream_id, number)).fetchone()
    return None if row is None else row[0]
