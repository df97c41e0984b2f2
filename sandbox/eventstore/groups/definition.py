"""What a group reads and how: as it was asked for, and as it is stored."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import NamedTuple

from sandbox.eventstore.filters import FilterExpression

# The source that is no stream but the whole log.
ALL = "$all"
FROM_END = -1
DISPATCH_TO_SINGLE = "DispatchToSingle"
ROUND_ROBIN = "RoundRobin"
PINNED = "Pinned"
PINNED_BY_CORRELATION = "PinnedByCorrelation"
STRATEGIES = (DISPATCH_TO_SINGLE, ROUND_ROBIN, PINNED, PINNED_BY_CORRELATION)


class GroupKey(NamedTuple):
    """What tells groups apart.

    Attributes:
        source: A stream's name, or ``ALL``.
        name: The group's own.
    """

    source: str
    name: str

    @property
    def parked_stream(self) -> str:
        """The stream that keeps links to what the group has given up on."""
        return f"$persistentsubscription-{self.source}::{self.name}-parked"


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """The settings that EventStoreDB's protocol names so; times in milliseconds."""

    resolve_links: bool
    extra_statistics: bool
    max_retry_count: int
    min_checkpoint_count: int
    max_checkpoint_count: int
    max_subscriber_count: int
    live_buffer_size: int
    read_batch_size: int
    history_buffer_size: int
    message_timeout_ms: int
    checkpoint_after_ms: int
    strategy: str


@dataclass(frozen=True, slots=True)
class Definition:
    """A group.

    Attributes:
        key: Its source and its name.
        start: Position (or number) of the first event, or ``FROM_END``, as it was asked for.
        after: Position (or number) after which it starts without a checkpoint.
        expression: Which events of the log it wants, ``None`` for all.
    """

    key: GroupKey
    start: int
    after: int
    expression: FilterExpression | None
    settings: GroupSettings

    def to_json(self) -> str:
        """Return what ``from_json`` understands."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Definition:
        """Return the definition that was stored."""
        stored = json.loads(text)
        expression = stored["expression"]
        if expression is not None:
            prefixes = tuple(expression.pop("prefixes"))
            expression = FilterExpression(prefixes=prefixes, **expression)
        return cls(
            key=GroupKey(*stored["key"]),
            start=stored["start"],
            after=stored["after"],
            expression=expression,
            settings=GroupSettings(**stored["settings"]),
        )

    def place(self, at: int) -> str:
        """Return a position of the log, or a number in the stream, as clients are told it."""
        return f"C:{at}/P:{at}" if self.key.source == ALL else str(at)
