"""The event store without a network: one writer, some readers, and who waits for what."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.eventstore.commits import Commits
from sandbox.eventstore.group_commit import GroupCommit
from sandbox.eventstore.reader_threads import ReaderThreads
from sandbox.eventstore.stream_state import METADATA_TYPE, metadata_stream
from sandbox.eventstore.writes import NO_STREAM, Append, ProposedEvent

# A new log starts with a system event, as EventStoreDB's does: clients count on it.
SETTINGS_STREAM = metadata_stream("$settings")


@dataclass(frozen=True, slots=True)
class Store:
    """What the services share."""

    writer: GroupCommit
    readers: ReaderThreads
    commits: Commits


@asynccontextmanager
async def open_store(database: Path) -> AsyncIterator[Store]:
    """Open the database and run the writer until the block ends.

    Raises:
        sqlite3.Error: The file cannot be opened, or is no database.
        UnknownSchema: The file comes from another version.
    """
    commits = Commits()
    writer = GroupCommit(database, commits.announce)
    commits.position = writer.position
    writer.start()
    try:
        if writer.position == 0:
            await writer.submit(_birth())
        readers = ReaderThreads(database)
        try:
            yield Store(writer, readers, commits)
        finally:
            commits.close()
            readers.close()
    finally:
        await writer.close()


def _birth() -> Append:
    event = ProposedEvent(uuid.uuid4().bytes, METADATA_TYPE, is_json=True, data=b"{}", metadata=b"")
    return Append(SETTINGS_STREAM, NO_STREAM, (event,))
