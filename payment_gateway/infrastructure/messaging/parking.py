"""Events that a subscription could not take, and those that wait behind them.

An event that cannot be read, or on which its handler fails, must not hold up other streams. It is
parked, and so is every later event of its stream, so that they can be taken up again in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pymongo import ASCENDING, UpdateOne

from payment_gateway.infrastructure.persistence.event_log import RecordedEvent, UnknownRecord
from payment_gateway.infrastructure.persistence.mongodb import Database, Document, Session

COLLECTION: Final = "parked_events"
# Those that were given up: kept, so that it can be told that documents rightly do not show them.
DISCARDED: Final = "discarded_events"
# Those that were taken up again, and when: later than the log has them, which may show in documents.
REPLAYED: Final = "replayed_events"
CAUSE_LENGTH_MAX: Final = 500
# That many broken streams are no accident of some events: the subscription itself is at fault.
PARKED_STREAMS_MAX: Final = 1_000


class TooManyParked(Exception):
    """More streams are parked than can be bad by themselves; the handler needs repair first."""


@dataclass(frozen=True, slots=True)
class Parked:
    """An event to be set aside, and why."""

    record: RecordedEvent | UnknownRecord
    cause: str


class Parking:
    """The parked events of one subscription."""

    def __init__(self, database: Database, subscription: str) -> None:
        self._collection: Final = database[COLLECTION]
        self._subscription: Final = subscription

    async def install(self) -> None:
        """Make the index by which streams are found."""
        await self._collection.create_index(
            [("subscription", ASCENDING), ("stream", ASCENDING), ("revision", ASCENDING)]
        )

    async def streams(self) -> set[str]:
        """Return the streams that have something parked.

        Raises:
            TooManyParked: More than ``PARKED_STREAMS_MAX``.
        """
        pipeline: list[Document] = [
            {"$match": {"subscription": self._subscription}},
            {"$group": {"_id": "$stream"}},
            {"$limit": PARKED_STREAMS_MAX + 1},
        ]
        found = await self._collection.aggregate(pipeline).to_list(None)
        streams = {row["_id"] for row in found}
        check_limit(streams)
        return streams

    async def park(self, events: Sequence[Parked], session: Session) -> None:
        """Set events aside; once more changes nothing."""
        now = datetime.now(UTC)
        await self._collection.bulk_write(
            [
                UpdateOne(
                    {"_id": f"{self._subscription}:{parked.record.position}"},
                    {
                        "$setOnInsert": {
                            "subscription": self._subscription,
                            "stream": parked.record.stream,
                            "revision": parked.record.revision,
                            "position": parked.record.position,
                            "eventId": parked.record.event_id,
                            "type": parked.record.type,
                            "cause": parked.cause[:CAUSE_LENGTH_MAX],
                            "parkedAt": now,
                        }
                    },
                    upsert=True,
                )
                for parked in events
            ],
            session=session,
        )


def check_limit(streams: set[str]) -> None:
    """Refuse to go on with too many parked streams.

    Raises:
        TooManyParked: More than ``PARKED_STREAMS_MAX``.
    """
    if len(streams) > PARKED_STREAMS_MAX:
        raise TooManyParked(f"more than {PARKED_STREAMS_MAX} streams")
