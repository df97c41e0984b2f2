"""A mark in the log that every subscription reads beside its own events.

It goes the whole way that an event goes: into the log, through the subscription, into a committed
checkpoint. So its age tells how far a reader is behind, and that of a reader that is frozen grows.
"""

from __future__ import annotations

from typing import Final

from payment_gateway.infrastructure.persistence.event_log import (
    EventFilter,
    RecordedEvent,
    StreamFilter,
    TypeFilter,
)

STREAM: Final = "canary-gateway"
EVENT: Final = "CanaryRecorded"
# A reader whose newest mark is older is not well, whatever else it says.
AGE_S_MAX: Final = 30.0


def with_canary(matching: EventFilter) -> EventFilter:
    """Return a filter that lets the marks through as well."""
    match matching:
        case StreamFilter(pattern):
            return StreamFilter(f"(?:{pattern}|{STREAM})")
        case TypeFilter(names):
            return TypeFilter((*names, EVENT))


def with_canary_type(types: frozenset[str] | None) -> frozenset[str] | None:
    """Return the stored names wanted, with that of the marks."""
    return None if types is None else types | {EVENT}


def is_canary(recorded: RecordedEvent) -> bool:
    """Tell whether an event is a mark."""
    return recorded.type == EVENT
