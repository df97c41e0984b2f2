"""Which erasures are to be looked at: one document a person, derived from the erasures' events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from pymongo import UpdateOne

from payment_gateway.application.ports import RecordedEvent
from payment_gateway.application.sagas.erasure_loop import DueErasure
from payment_gateway.infrastructure.messaging.due_queue import DueQueue
from payment_gateway.infrastructure.persistence.mongodb import Database, Session

COLLECTION: Final = "erasure_queue"
SUBSCRIPTION: Final = "erasure"
STREAMS: Final = "erasure-.*"
# Whoever began an erasure has finished it by then, or never will.
AFTER: Final = timedelta(seconds=10)
# Longer than one can take; a process that dies in the middle delays it by so much.
CLAIM: Final = timedelta(minutes=1)


class MongoErasureQueue:
    """An ``ErasureQueue`` in MongoDB, and the subscription handler that fills it."""

    def __init__(self, database: Database) -> None:
        self._collection: Final = database[COLLECTION]
        self._due: Final = DueQueue(self._collection, claim=CLAIM, counter="tries")

    async def install(self) -> None:
        """Make the index by which what is due is found; ``QueueUnavailable`` if it cannot."""
        await self._due.install()

    async def handle(self, events: Sequence[RecordedEvent], session: Session) -> None:
        """Have each erasure looked at a while after its event; part of the subscription's transaction."""
        newest = {recorded.stream: recorded for recorded in events}
        writes = [
            UpdateOne(
                {"_id": stream.removeprefix(f"{SUBSCRIPTION}-")},
                {
                    "$set": {
                        "tenantId": recorded.context.tenant_id,
                        "dueAt": recorded.context.at + AFTER,
                        "tries": 0,
                    }
                },
                upsert=True,
            )
            for stream, recorded in newest.items()
        ]
        if writes:
            await self._collection.bulk_write(writes, ordered=False, session=session)

    async def claim(self, now: datetime, *, limit: int) -> Sequence[DueErasure]:
        """Return what is due, each to one process only; ``QueueUnavailable`` if it cannot."""
        return [
            DueErasure(
                origin=document["_id"],
                tenant_id=document["tenantId"],
                tries=document["tries"],
                claimed_until=document["dueAt"],
            )
            for document in await self._due.claim(now, limit=limit)
        ]

    async def finish(self, due: DueErasure, next_at: datetime | None) -> None:
        """Set when to try again, or never; ``QueueUnavailable`` if it cannot."""
        await self._due.finish(
            due.origin, next_at, claimed_until=due.claimed_until, counted=due.tries
        )
