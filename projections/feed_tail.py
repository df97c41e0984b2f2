"""The newest entries of one tenant's feed, kept in memory for all who follow it in this process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from fastapi.sse import format_sse_event

from payment_gateway.infrastructure.persistence.mongodb import Document
from projections.cursor import encode_place
from projections.event_feed import entry_answer
from projections.event_feed_queries import Place
from projections.generations import Generation

# A reader that is further behind than this is told to come again.
ENTRIES_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One entry of a feed.

    Attributes:
        type: The stored name of its event.
        answer: What a page shows of it, as JSON.
        block: The same as an event of a stream.
    """

    place: Place
    type: str
    answer: str
    block: bytes


class FeedTail:
    """What has come since somebody began to follow, at most so much of it.

    Attributes:
        generation: The build of the feed that it is of.
        last: The place of the newest entry that is known, ``None`` while the feed is empty.
        counted_anew: How often the places of the feed turned out to be others than before.
    """

    def __init__(self, generation: Generation, last: Place | None, *, entries_max: int) -> None:
        self.generation = generation
        self.last = last
        self.counted_anew = 0
        self._entries: Final[deque[FeedEntry]] = deque(maxlen=entries_max)
        self._news = asyncio.Event()

    @property
    def sequence(self) -> int:
        """The sequence of the newest entry that is known."""
        return self.last.sequence if self.last else 0

    def reaches_back_to(self, sequence: int) -> bool:
        """Tell whether all that follows this sequence is here."""
        oldest = self._entries[0].place.sequence if self._entries else self.sequence + 1
        return sequence >= oldest - 1

    def after(self, sequence: int) -> Sequence[FeedEntry]:
        """Return what follows a sequence that this reaches back to."""
        behind = self.sequence - sequence
        return [self._entries[-number] for number in range(behind, 0, -1)]

    def add(self, entries: Iterable[FeedEntry]) -> None:
        """Take what follows, without a gap, and wake who waits for it."""
        for entry in entries:
            assert entry.place.sequence == self.sequence + 1, "a feed has no gaps"
            self._entries.append(entry)
            self.last = entry.place
        self.wake()

    def count_anew(self, last: Place | None) -> None:
        """Begin again at a place in a feed that is another one than before."""
        self._entries.clear()
        self.last = last
        self.counted_anew += 1
        self.wake()

    def wake(self) -> None:
        """Have everybody who waits look again."""
        self._news.set()
        self._news = asyncio.Event()

    async def wait(self, within_s: float) -> None:
        """Wait until there is something new to look at, or for that long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._news.wait()


def feed_entry(tenant_id: str, document: Document) -> FeedEntry:
    """Return an entry as it is sent: what a page shows of it, under its cursor."""
    place = Place(document["sequence"], document["_id"])
    answer = entry_answer(document).model_dump_json(by_alias=True)
    block = format_sse_event(id=encode_place(tenant_id, place), data_str=answer)
    return FeedEntry(place, document["type"], answer, block)
