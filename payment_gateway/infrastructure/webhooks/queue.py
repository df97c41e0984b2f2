"""The queue of notifications that wait to be applied: one document each, derived from the events.

Those that are parked stay in it, due never, for people to see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pymongo import ASCENDING, DeleteOne, UpdateOne
from pymongo.errors import PyMongoError

from payment_gateway.application.ports import QueueUnavailable, RecordedEvent
from payment_gateway.application.webhooks import DueWebhook
from payment_gateway.domain.events.webhook import (
    WebhookParkedEvent,
    WebhookReceivedEvent,
    WebhookReplayRequestedEvent,
)
from payment_gateway.infrastructure.messaging.due_queue import DueQueue
from payment_gateway.infrastructure.persistence.mongodb import Database, Document, Session

COLLECTION: Final = "webhook_queue"
SUBSCRIPTION: Final = "webhooks"
STREAMS: Final = "webhook-.*"
# Longer than applying can take; a process that dies in the middle delays a notification by so much.
CLAIM: Final = timedelta(minutes=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedWebhook:
    """A notification that was not applied, and why; ``payment_id`` if it names a payment."""

    stream: str
    tenant_id: str
    payment_id: str | None
    reason: str
    at: datetime


class MongoWebhookQueue:
    """A ``WebhookQueue`` in MongoDB, and the subscription handler that fills it."""

    def __init__(self, database: Database) -> None:
        self._collection: Final = database[COLLECTION]
        self._due: Final = DueQueue(self._collection, claim=CLAIM, counter="tries")

    async def install(self) -> None:
        """Make the index by which what is due is found; ``QueueUnavailable`` if it cannot."""
        await self._due.install()
        try:
            await self._collection.create_index(
                [("parked.at", ASCENDING)], name="parked", sparse=True
            )
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error

    async def parked(self, *, limit: int) -> list[ParkedWebhook]:
        """Return notifications that are parked, oldest first."""
        cursor = self._collection.find({"parked": {"$exists": True}}).sort("parked.at", 1)
        return [
            ParkedWebhook(
                stream=document["_id"],
                tenant_id=document["tenantId"],
                payment_id=document["parked"]["paymentId"],
                reason=document["parked"]["reason"],
                at=document["parked"]["at"],
            )
            for document in await cursor.limit(limit).to_list(limit)
        ]

    async def handle(self, events: Sequence[RecordedEvent], session: Session) -> None:
        """Add what was received, remove what is done; part of the subscription's transaction."""
        newest = {recorded.stream: recorded for recorded in events}
        writes = [_write(recorded) for recorded in newest.values()]
        if writes:
            await self._collection.bulk_write(writes, ordered=False, session=session)

    async def claim(self, now: datetime, *, limit: int) -> Sequence[DueWebhook]:
        """Return what is due, each to one process only; ``QueueUnavailable`` if it cannot."""
        return [
            DueWebhook(
                stream=document["_id"],
                tenant_id=document["tenantId"],
                tries=document["tries"],
                claimed_until=document["dueAt"],
            )
            for document in await self._due.claim(now, limit=limit)
        ]

    async def finish(self, due: DueWebhook, next_at: datetime | None) -> None:
        """Set when to try again, or nothing more; ``QueueUnavailable`` if it cannot."""
        await self._due.finish(
            due.stream, next_at, claimed_until=due.claimed_until, counted=due.tries
        )


def _write(recorded: RecordedEvent) -> UpdateOne | DeleteOne:
    event, at = recorded.event, recorded.context.at
    match event:
        case WebhookReceivedEvent() | WebhookReplayRequestedEvent():
            due = {"tenantId": event.tenant_id, "dueAt": at, "tries": 0}
            change: Document = {"$set": due, "$unset": {"parked": ""}}
        case WebhookParkedEvent():
            parked = {"at": at, "reason": event.reason, "paymentId": event.payment_id}
            change = {
                "$set": {"tenantId": event.tenant_id, "parked": parked},
                "$unset": {"dueAt": ""},
            }
        case _:
            return DeleteOne({"_id": recorded.stream})
    return UpdateOne({"_id": recorded.stream}, change, upsert=True)
