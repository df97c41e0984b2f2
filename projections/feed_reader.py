"""One who follows a feed: from the database until it is at the tail, from memory then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Collection as Names
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from payment_gateway.infrastructure.persistence.mongodb import Collection
from projections.event_feed_queries import Place, entries_after, holds
from projections.feed_tail import FeedEntry, FeedTail, feed_entry
from projections.generations import Generation
from projections.payment_queries import PAGE_SIZE_MAX


class Ending(StrEnum):
    """Why a reader is not served any longer; it may come again with its cursor."""

    TOO_SLOW = "too_slow"
    SHUTTING_DOWN = "shutting_down"


@dataclass(frozen=True, slots=True)
class Batch:
    """What a reader is to be sent next.

    Attributes:
        entries: Of the types that it wants.
        place: How far it has come with them, those that it does not want included.
        reset: Whether its place is gone; what follows begins at the beginning.
    """

    entries: Sequence[FeedEntry] = ()
    place: Place | None = None
    reset: bool = False


class Reader:
    """Reads one tenant's feed in order, each entry once.

    Args:
        collection_of: Where the entries of a build of the feed are.
        is_ending: Whether the process stops.
        tenant_id: Whose feed.
        tail: Its newest entries.
        after: The place that was read last; ``None`` for the beginning.
        types: The stored names that are wanted; none for all.
    """

    def __init__(
        self,
        *,
        collection_of: Callable[[Generation], Collection],
        is_ending: Callable[[], bool],
        tenant_id: str,
        tail: FeedTail,
        after: Place | None,
        types: Names[str],
    ) -> None:
        self._collection_of: Final = collection_of
        self._is_ending: Final = is_ending
        self._tenant_id: Final = tenant_id
        self._tail: Final = tail
        self._types: Final = types
        self._place = after
        self._counted_anew = tail.counted_anew
        self._is_known = after is None  # whether the place is one of this feed
        self._is_live = False

    async def next(self, within_s: float) -> Batch | Ending:
        """Return what comes next; a batch without entries where nothing came in time.

        Raises:
            PyMongoError: No answer.
            NotBuilt: There is no generation of the feed to be shown.
        """
        if self._is_ending():
            return Ending.SHUTTING_DOWN
        if not self._is_known or self._counted_anew != self._tail.counted_anew:
            self._counted_anew, self._is_known, self._is_live = self._tail.counted_anew, True, False
            if not await goes_on(self._collection, self._tenant_id, self._place):
                self._place = None
                return Batch(reset=True)
        if not self._tail.reaches_back_to(self._sequence):
            return Ending.TOO_SLOW if self._is_live else await self._from_database()
        self._is_live = True
        if self._sequence >= self._tail.sequence:
            await self._tail.wait(within_s)
            if not self._tail.reaches_back_to(self._sequence):
                return Batch()  # the next call tells which of the two it is
        return self._from_memory()

    @property
    def _collection(self) -> Collection:
        return self._collection_of(self._tail.generation)

    @property
    def _sequence(self) -> int:
        return self._place.sequence if self._place else 0

    def _from_memory(self) -> Batch:
        if self._counted_anew != self._tail.counted_anew:
            return Batch()
        entries = self._tail.after(self._sequence)
        if entries:
            self._place = entries[-1].place
        wanted = [entry for entry in entries if not self._types or entry.type in self._types]
        return Batch(wanted, self._place)

    async def _from_database(self) -> Batch:
        end = self._tail.last  # before: all up to there is in the database
        documents = await entries_after(
            self._collection,
            self._tenant_id,
            self._sequence,
            self._types,
            PAGE_SIZE_MAX,
        )
        entries = [feed_entry(self._tenant_id, document) for document in documents]
        if len(entries) == PAGE_SIZE_MAX:
            self._place = entries[-1].place
        else:
            self._place = max(
                (place for place in (end, entries[-1].place if entries else None) if place),
                key=lambda place: place.sequence,
            )
        return Batch(entries, self._place)


async def goes_on(collection: Collection, tenant_id: str, place: Place | None) -> bool:
    """Tell whether what follows a place in this feed is what followed it when it was given out."""
    return place is None or await holds(collection, tenant_id, place)
