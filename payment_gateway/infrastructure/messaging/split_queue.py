"""The splits' queue: one document a split, with its payments and when it must be looked at.

Derived from the events: which payments belong to which split stands in ``SplitStarted``. A document
stays when its split has ended, because a payment may still bring news; then it is just never due.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from pymongo import ASCENDING, UpdateOne
from pymongo.errors import PyMongoError

from payment_gateway.application.ports import QueueUnavailable, RecordedEvent
from payment_gateway.application.sagas.split_schedule import START_GRACE, DueSplit, is_news
from payment_gateway.domain.events.payment import PaymentEvent
from payment_gateway.domain.events.split import SplitAwaitingPayerEvent, SplitStartedEvent
from payment_gateway.infrastructure.messaging.due_queue import DueQueue
from payment_gateway.infrastructure.persistence.mongodb import Database, Session

COLLECTION: Final = "split_queue"
SUBSCRIPTION: Final = "splits"
STREAMS: Final = "(payment|saga)-.*"
# Longer than a look can take; a process that dies in the middle delays a split by so much.
CLAIM: Final = timedelta(minutes=5)


class MongoSplitQueue:
    """A ``SplitQueue`` in MongoDB, and the subscription handler that fills it."""

    def __init__(self, database: Database) -> None:
        self._collection: Final = database[COLLECTION]
        self._due: Final = DueQueue(self._collection, claim=CLAIM, counter="looks")

    async def install(self) -> None:
        """Make the indexes by which splits are found; ``QueueUnavailable`` if it cannot."""
        await self._due.install()
        try:
            await self._collection.create_index([("payments", ASCENDING)])
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error

    async def handle(self, events: Sequence[RecordedEvent], session: Session) -> None:
        """Make the splits due that the events bring news of; part of the subscription's transaction."""
        writes = [write for recorded in events if (write := _split_write(recorded)) is not None]
        if writes:
            await self._collection.bulk_write(writes, ordered=True, session=session)
        news = {
            recorded.event.payment_id: recorded.context.at
            for recorded in events
            if isinstance(recorded.event, PaymentEvent) and is_news(recorded.event)
        }
        if news:
            await self._wake(news, session)

    async def _wake(self, news: Mapping[str, datetime], session: Session) -> None:
        """Make the splits of these payments due; most payments belong to none."""
        concerned = {"payments": {"$in": list(news)}}
        writes = []
        async for document in self._collection.find(concerned, {"payments": 1}, session=session):
            at = max(news[one] for one in document["payments"] if one in news)
            due = {"dueAt": {"$max": ["$heldUntil", at]}, "looks": 0}
            writes.append(UpdateOne({"_id": document["_id"]}, [{"$set": due}]))
        if writes:
            await self._collection.bulk_write(writes, ordered=False, session=session)

    async def claim(self, now: datetime, *, limit: int) -> Sequence[DueSplit]:
        """Return splits that are due, each to one process only; ``QueueUnavailable`` if it cannot."""
        return [
            DueSplit(
                split_id=document["_id"],
                tenant_id=document["tenantId"],
                looks=document["looks"],
                claimed_until=document["dueAt"],
            )
            for document in await self._due.claim(now, limit=limit)
        ]

    async def finish(self, look: DueSplit, next_at: datetime | None) -> None:
        """Set the next look, or none; ``QueueUnavailable`` if it cannot."""
        await self._due.finish(
            look.split_id,
            next_at,
            claimed_until=look.claimed_until,
            counted=look.looks,
            forget=False,
        )


def _split_write(recorded: RecordedEvent) -> UpdateOne | None:
    event, at = recorded.event, recorded.context.at
    match event:
        case SplitStartedEvent():
            held_until = at + START_GRACE
            document = {
                "tenantId": event.tenant_id,
                "payments": [part.payment_id for part in event.parts],
                "heldUntil": held_until,
                "dueAt": held_until,
                "looks": 0,
            }
            return UpdateOne({"_id": event.split_id}, {"$set": document}, upsert=True)
        case SplitAwaitingPayerEvent():  # the request that started it is done
            due = {"heldUntil": at, "dueAt": at, "looks": 0}
            return UpdateOne({"_id": event.split_id}, {"$set": due})
        case _:
            return None
