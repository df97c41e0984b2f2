"""One handler's queue: one document an event that it is to be told of, removed when that is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from pymongo import UpdateOne

from payment_gateway.application.notifications import DueNotice
from payment_gateway.application.ports import RecordedEvent
from payment_gateway.infrastructure.messaging.due_queue import DueQueue
from payment_gateway.infrastructure.persistence.mongodb import Database, Session

# Longer than an effect can take; a process that dies in the middle delays a notice by so much.
CLAIM: Final = timedelta(minutes=3)
# A handler that is new, or was away, is not told of what happened longer ago.
AGE_MAX: Final = timedelta(days=1)
STREAMS: Final = "payment-.*"


def collection_name(handler: str) -> str:
    """Return where what a handler is to be told waits."""
    return f"notify_{handler}"


class MongoNotificationQueue:
    """A ``NotificationQueue`` in MongoDB, and the subscription handler that fills it.

    Args:
        database: Where it is.
        handler: The handler's name; the queue and the subscription have it too.
        types: Stored names of the events that it is told of; none for all of them.
    """

    def __init__(
        self,
        database: Database,
        handler: str,
        types: Sequence[str],
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._now: Final = now
        self.subscription: Final = f"notify-{handler}"
        self._types: Final = frozenset(types)
        self._collection: Final = database[collection_name(handler)]
        self._due: Final = DueQueue(self._collection, claim=CLAIM, counter="tries")

    async def install(self) -> None:
        """Make the index by which what is due is found; ``QueueUnavailable`` if it cannot."""
        await self._due.install()

    async def handle(self, events: Sequence[RecordedEvent], session: Session) -> None:
        """Make events due for the handler; part of the subscription's transaction."""
        since = self._now() - AGE_MAX
        writes = [
            UpdateOne(
                {"_id": recorded.event_id},
                {
                    "$setOnInsert": {
                        "tenantId": recorded.context.tenant_id,
                        "source": recorded.stream,
                        "dueAt": recorded.context.at,
                        "tries": 0,
                    }
                },
                upsert=True,
            )
            for recorded in events
            if recorded.context.at >= since and (not self._types or recorded.type in self._types)
        ]
        if writes:
            await self._collection.bulk_write(writes, ordered=False, session=session)

    async def claim(self, now: datetime, *, limit: int) -> Sequence[DueNotice]:
        """Return what is due, each to one process only; ``QueueUnavailable`` if it cannot."""
        return [
            DueNotice(
                event_id=document["_id"],
                tenant_id=document["tenantId"],
                source=document["source"],
                tries=document["tries"],
                claimed_until=document["dueAt"],
            )
            for document in await self._due.claim(now, limit=limit)
        ]

    async def finish(self, due: DueNotice, next_at: datetime | None) -> None:
        """Set when to try again, or nothing more; ``QueueUnavailable`` if it cannot."""
        await self._due.finish(
            due.event_id, next_at, claimed_until=due.claimed_until, counted=due.tries
        )
