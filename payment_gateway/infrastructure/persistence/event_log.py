"""The whole log as one ordered stream that can be followed and resumed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from payment_gateway.application.ports import RecordedEvent

__all__ = [
    "CaughtUp",
    "Checkpoint",
    "EventFilter",
    "EventLog",
    "LogItem",
    "RecordedEvent",
    "StreamFilter",
    "TypeFilter",
    "UnknownRecord",
]


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
    """A record that this release cannot read as an event, and why."""

    type: str
    event_id: str
    stream: str
    revision: int
    position: int
    cause: str


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

    def subscribe(self, matching: EventFilter, *, after: int) -> AsyncGenerator[LogItem, None]:
        """Yield what matches, in order, for ever; close the generator to stop.

        Args:
            matching: Applied where the log is kept, so that nothing else travels.
            after: The position of the last item that is not wanted again; 0 for the beginning.

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
