"""Telling people and programs beside the tenants what happens: an event in, an effect out.

Each handler follows the log by itself, in a queue of its own. An effect may be repeated after a crash;
then it carries the same key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An event that a handler is told of.

    Attributes:
        event_id: The key of the effect: the same each time the same event is handled.
        document: The event as tenants are shown it; nothing sealed is in it.
    """

    event_id: str
    tenant_id: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DueNotice:
    """An event that waits for a handler, claimed by one process.

    Attributes:
        source: The stream that has the event.
        tries: How often it was tried before.
        claimed_until: After this another process may try.
    """

    event_id: str
    tenant_id: str
    source: str
    tries: int
    claimed_until: datetime


class NotificationHandler(Protocol):
    """Has one kind of effect."""

    @property
    def name(self) -> str:
        """Under which its progress is stored; it never changes."""
        ...

    async def handle(self, notice: Notice) -> None:
        """Have the effect; the same notice again has it again with the same key, or not at all.

        Raises:
            NotificationFailed: It did not happen, or nobody knows; it is tried again later.
        """
        ...


class NotificationFailed(Exception):
    """An effect did not happen, or nobody knows whether it did; the message says why, without secrets."""


class NotificationQueue(Protocol):
    """Events that wait for one handler; derived from the log."""

    async def claim(self, now: datetime, *, limit: int) -> Sequence[DueNotice]:
        """Return what is due, each to one process only; raises ``QueueUnavailable``."""
        ...

    async def finish(self, due: DueNotice, next_at: datetime | None) -> None:
        """Set when to try again, or nothing more to do; raises ``QueueUnavailable``."""
        ...
