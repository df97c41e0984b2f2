"""A tenant's events one after the other, from what streams are sent from, for whoever sends them otherwise."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from collections.abc import Collection as Names
from dataclasses import dataclass

from payment_gateway.domain.errors import InvalidValue
from projections.cursor import encode_place
from projections.event_feed_api import place_to_go_on
from projections.event_streams import EventStreams
from projections.feed_reader import Ending


@dataclass(frozen=True, slots=True)
class Followed:
    """An event as a page shows it, as JSON, and the cursor after which the stream goes on."""

    answer: str
    cursor: str


async def follow_events(
    streams: EventStreams, tenant_id: str, after: str | None, types: Names[str], *, within_s: float
) -> AsyncGenerator[Sequence[Followed], None]:
    """Yield what happens to a tenant's payments, in order, until the process stops.

    Args:
        streams: What it is read from, together with all other readers.
        tenant_id: Whose events.
        after: The cursor after which they begin; ``None`` for the first of all.
        types: The stored names that are wanted; none for all.
        within_s: After so long without an event nothing is yielded, an empty sequence.

    Raises:
        InvalidValue: The cursor is none, or is gone.
        TooManyStreams: Of this tenant or of all.
        NotBuilt: There is no generation of the feed to be shown.
        PyMongoError: No answer.
    """
    place = place_to_go_on(tenant_id, after)
    ending = Ending.TOO_SLOW
    while ending is Ending.TOO_SLOW:  # what it missed in memory is in the database
        async with streams.reader(tenant_id, place, types) as reader:
            while not isinstance(batch := await reader.next(within_s), Ending):
                if batch.reset:
                    raise InvalidValue(
                        "this cursor is gone: events were counted anew", param="after"
                    )
                place = batch.place or place
                yield [
                    Followed(entry.answer, encode_place(tenant_id, entry.place))
                    for entry in batch.entries
                ]
            ending = batch
