"""Tells readers how far the log is committed, and wakes those who wait for more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sandbox.eventstore.recent import CommittedEvent, Recent


class StoreIsClosing(Exception):
    """The event store shuts down; whoever reads may go on from the last position elsewhere."""


class Watch:
    """A flag that is raised at every commit that may concern its owner."""

    def __init__(self) -> None:
        self._raised = asyncio.Event()
        self.closing = False

    def lower(self) -> None:
        """To be called before looking at the log, so that nothing is committed unnoticed."""
        self._raised.clear()

    def raise_(self) -> None:
        """Let the owner look at the log again."""
        self._raised.set()

    async def wait(self) -> None:
        """Return when something was committed since ``lower``.

        Raises:
            StoreIsClosing: Nothing more will be committed.
        """
        if not self.closing:
            await self._raised.wait()
        if self.closing:
            raise StoreIsClosing


class Commits:
    """The end of the log as the event loop knows it.

    Attributes:
        position: Position of the last event.
        closing: Nothing more will be committed.
        recent: The newest events.
    """

    def __init__(self) -> None:
        self.position = 0
        self.recent = Recent()
        self.closing = False
        self._of_all: set[Watch] = set()
        self._of_stream: dict[str, set[Watch]] = {}

    def announce(self, stored: Sequence[CommittedEvent]) -> None:
        """Make a commit known."""
        if not stored:
            return
        self.position = stored[-1].position
        self.recent.add(stored)
        for watch in self._of_all:
            watch.raise_()
        for stream in {event.stream for event in stored}:
            for watch in self._of_stream.get(stream, ()):
                watch.raise_()

    def check_open(self) -> None:
        """Raise ``StoreIsClosing`` if the store shuts down."""
        if self.closing:
            raise StoreIsClosing

    def close(self) -> None:
        """End every wait."""
        self.closing = True
        for watches in (self._of_all, *self._of_stream.values()):
            for watch in watches:
                watch.closing = True
                watch.raise_()

    @contextmanager
    def watch(self, stream: str | None) -> Iterator[Watch]:
        """Watch one stream, or with ``None`` the whole log."""
        watch = Watch()
        watch.closing = self.closing
        watches = self._of_all if stream is None else self._of_stream.setdefault(stream, set())
        watches.add(watch)
        try:
            yield watch
        finally:
            watches.discard(watch)
            if stream is not None and not watches:
                self._of_stream.pop(stream, None)
