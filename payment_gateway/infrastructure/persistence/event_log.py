"""The whole log as one ordered stream that can be followed and resumed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final, Protocol

from payment_gateway.application.ports import EventStoreUnavailable, RecordedEvent, StreamMoved

__all__ = [
    "AHEAD_MAX",
    "CaughtUp",
    "Checkpoint",
    "EventFilter",
    "EventLog",
    "EventStoreUnavailable",
    "LogItem",
    "RecordedEvent",
    "StreamFilter",
    "StreamMoved",
    "TypeFilter",
    "UnknownRecord",
]

# Enough that who takes events in bulk never waits for the next one.
AHEAD_MAX: Final = 2_000


@dataclass(frozen=True, slots=True)
class StreamFilter:
    """Streams whose whole name matches a regular expression, ``payment-.*``."""

    pattern: str


@dataclass(frozen=True, slots=True)
class TypeFilter:
    """Events of these stored names, in any stream."""

    names: tuple[str, ...]


EventFilter = StreamFilter | TypeFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownRecord:
    """A record that this release cannot read as an event, and why.

    Attributes:
        is_known: Whether this release knows events of its type, if not in this version or with these
            bytes; what it has never heard of is not for it.
    """

    type: str
    event_id: str
    stream: str
    revision: int
    position: int
    cause: str
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Every matching event up to here has been delivered; those that do not match count too."""

    position: int


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """History is exhausted; what follows is news."""


LogItem = RecordedEvent | UnknownRecord | Checkpoint | CaughtUp


class EventLog(Protocol):
    """A log that can be followed."""

    def subscribe(
        self,
        matching: EventFilter,
        *,
        after: int,
        types: frozenset[str] | None = None,
        ahead: int = AHEAD_MAX,
    ) -> AsyncGenerator[LogItem, None]:
        """Yield what matches, in order, for ever; close the generator to stop.

        Args:
            matching: Applied where the log is kept, so that nothing else travels.
            after: The position of the last item that is not wanted again; 0 for the beginning.
            types: Only these stored names are wanted, of those that match; what is known and not
                among them is not even decoded, and yields a ``Checkpoint``. ``None`` for all.
            ahead: About so many items are read before they are taken; who takes them slowly leaves the
                others who read and write the log alone, with few.

        Raises:
            EventStoreUnavailable: The connection is gone. Subscribe again after the last position.
        """
        ...

    async def head(self) -> int:
        """Return the position of the last event in the log, 0 for an empty one.

        Raises:
            EventStoreUnavailable: No answer.
        """
        ...
