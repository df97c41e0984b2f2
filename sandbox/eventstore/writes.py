"""What the writer is asked to do, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

# Expected revisions that are not a number, by EventStoreDB's own codes.
ANY = -2
NO_STREAM = -1
STREAM_EXISTS = -4


@dataclass(frozen=True, slots=True)
class ProposedEvent:
    """An event that is not stored yet."""

    event_id: bytes
    type: str
    is_json: bool
    data: bytes
    metadata: bytes

    @property
    def size(self) -> int:
        """Bytes that count towards the append limit: types are counted as UTF-16."""
        return len(self.data) + len(self.metadata) + 2 * len(self.type)


@dataclass(frozen=True, slots=True)
class Append:
    """Write events to a stream, all or none."""

    stream: str
    expected: int
    events: tuple[ProposedEvent, ...]

    @property
    def size(self) -> int:
        """Bytes that count towards the append limit."""
        return sum(event.size for event in self.events)


@dataclass(frozen=True, slots=True)
class Delete:
    """Hide everything in a stream; it can be written again."""

    stream: str
    expected: int


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Close a stream for ever."""

    stream: str
    expected: int


@dataclass(frozen=True, slots=True)
class PutGroup:
    """Make a group of readers, or change what it is; its checkpoint stays."""

    stream: str
    name: str
    definition: str


@dataclass(frozen=True, slots=True)
class SettleGroup:
    """Remember how far a group of readers has come."""

    stream: str
    name: str
    checkpoint: int


@dataclass(frozen=True, slots=True)
class DropGroup:
    """Forget a group of readers."""

    stream: str
    name: str


GroupWrite = PutGroup | SettleGroup | DropGroup
Write = Append | Delete | Tombstone | GroupWrite


@dataclass(frozen=True, slots=True)
class Written:
    """Done, now or by an earlier request with the same event ids.

    Attributes:
        revision: Number of the last event of the request, -1 if the stream has none.
        position: Position of that event; of the end of the log if nothing was asked for.
    """

    revision: int
    position: int


@dataclass(frozen=True, slots=True)
class WrongRevision:
    """The stream is not where the writer expected it; nothing was written."""

    current: int


@dataclass(frozen=True, slots=True)
class StreamIsDeleted:
    """The stream takes no such write; nothing was written."""


@dataclass(frozen=True, slots=True)
class TooLate:
    """The request's own deadline had passed before its turn came; nothing was written."""


Outcome = Written | WrongRevision | StreamIsDeleted | TooLate
