"""When idempotency keys are to be removed: one document a key's stream, derived from its events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from pymongo import UpdateOne

from payment_gateway.application.ports import RecordedEvent
from payment_gateway.application.sagas.idempotency_loop import OldKey
from payment_gateway.infrastructure.messaging.due_queue import DueQueue
from payment_gateway.infrastructure.persistence.mongodb import Database, Session

COLLECTION: Final = "idempotency_queue"
SUBSCRIPTION: Final = "idempotency"
STREAMS: Final = "idempotency-.*"
# Longer than removing one can take; a process that dies in the middle delays it by so much.
CLAIM: Final = timedelta(minutes=5)


class MongoIdempotencyQueue:
    """An ``IdempotencyQueue`` in MongoDB, and the subscription handler that fills it.

    Args:
        database: Where it is.
        keep: How long after its newest event a key is removed.
    """

    def __init__(self, database: Database, *, keep: timedelta) -> None:
        self._collection: Final = database[COLLECTION]
        self._due: Final = DueQueue(self._collection, claim=CLAIM, counter="tries")
        self._keep: Final = keep

    async def install(self) -> None:
        """Make the index by which what is due is found; ``QueueUnavailable`` if it cannot."""
        await self._due.install()

    async def handle(self, events: Sequence[RecordedEvent], session: Session) -> None:
        """Set when each key is due by its newest event; part of the subscription's transaction."""
        newest = {recorded.stream: recorded for recorded in events}
        writes = [
            UpdateOne(
                {"_id": stream},
                {
                    "$set": {
                        "revision": recorded.revision,
                        "dueAt": recorded.context.at + self._keep,
                        "tries": 0,
                    }
                },
                upsert=True,
            )
            for stream, recorded in newest.items()
        ]
        if writes:
            await self._collection.bulk_write(writes, ordered=False, session=session)

    async def claim(self, now: datetime, *, limit: int) -> Sequence[OldKey]:
        """Return keys that are due, each to one process only; ``QueueUnavailable`` if it cannot."""
        return [
            OldKey(
                stream=document["_id"],
                revision=document["revision"],
                tries=document["tries"],
                claimed_until=document["dueAt"],
            )
            for document in await self._due.claim(now, limit=limit)
        ]

    async def finish(self, key: OldKey, next_at: datetime | None) -> None:
        """Set when to try again, or never; ``QueueUnavailable`` if it cannot."""
        await self._due.finish(
            key.stream, next_at, claimed_until=key.claimed_until, counted=key.tries
        )
