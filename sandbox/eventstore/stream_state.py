"""What is known about a stream before something is decided about it or read from it.

Source: EventStoreDB documentation, "Event streams" (metadata, deletion, truncation).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

METADATA_PREFIX = "$$"
METADATA_TYPE = "$metadata"
TOMBSTONE_TYPE = "$streamDeleted"
# What is left of an event of a tombstoned stream: its place in the log.
SCAVENGED_TYPE = "$scavenged"
NUMBER_MAX = 2**63 - 1
# The `$tb` of a soft-deleted stream, and the number of the event that closes a stream for ever.
SOFT_DELETED = NUMBER_MAX
TOMBSTONE_NUMBER = NUMBER_MAX
NO_EVENTS = -1
_EPOCH_STREAM = "$epoch-information"
_HIDDEN_PREFIX = "$persistentsubscription-$all::"
_HIDDEN_SUFFIXES = ("-checkpoint", "-parked")


def metadata_stream(stream: str) -> str:
    """Return the name of the stream that holds another stream's metadata."""
    return METADATA_PREFIX + stream


def described_stream(stream: str) -> str | None:
    """Return the stream whose metadata this one holds, or ``None`` for an ordinary stream."""
    return stream.removeprefix(METADATA_PREFIX) if stream.startswith(METADATA_PREFIX) else None


def category(stream: str) -> str:
    """Return the part of a stream's name before the first dash; without a dash, nothing."""
    before, dash, _ = stream.partition("-")
    return before if dash else ""


def hidden_from_log(stream: str) -> bool:
    """Whether reads of the whole log leave a stream out: what groups of readers of it keep."""
    if not stream.startswith(_HIDDEN_PREFIX):
        return stream == _EPOCH_STREAM
    return stream.endswith(_HIDDEN_SUFFIXES)


@dataclass(frozen=True)
class StreamState:
    """One stream as the last commit left it.

    Attributes:
        name: The stream's name.
        stream_id: Its row, or ``None`` while nothing was ever stored under this name.
        last: Number of the last event ever written, ``NO_EVENTS`` if there is none.
        tombstoned: Closed for ever.
        metadata: The newest event of its metadata stream, as stored; ``None`` if there is none.
    """

    name: str
    stream_id: int | None = None
    last: int = NO_EVENTS
    tombstoned: bool = False
    metadata: bytes | None = None

    @cached_property
    def document(self) -> dict[str, Any]:
        """The metadata as a JSON object; empty if there is none or it is something else."""
        if self.metadata is None:
            return {}
        try:
            document = json.loads(self.metadata)
        except (ValueError, RecursionError):  # anybody may write any bytes here
            return {}
        return document if isinstance(document, dict) else {}

    @property
    def soft_deleted(self) -> bool:
        """Whether the stream was deleted in the way that lets it be written again."""
        return self._setting("$tb", least=0) == SOFT_DELETED

    @property
    def first_visible(self) -> int:
        """Number of the first event that a read may show (``$tb``, ``$maxCount``)."""
        truncate_before = self._setting("$tb", least=0) or 0
        max_count = 1 if described_stream(self.name) is not None else self._max_count
        if max_count is None:
            return truncate_before
        return max(truncate_before, self.last - max_count + 1)

    @property
    def max_age_s(self) -> int | None:
        """Age in seconds above which events are hidden, or ``None``."""
        return self._setting("$maxAge", least=1)

    @property
    def _max_count(self) -> int | None:
        return self._setting("$maxCount", least=1)

    def _setting(self, key: str, *, least: int) -> int | None:
        """Return a whole-number setting; anything else is ignored, as EventStoreDB does."""
        value = self.document.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            return None
        return min(value, NUMBER_MAX)
