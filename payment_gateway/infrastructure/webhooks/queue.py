"""The queue of notifications that wait to be applied: one document each, derived from the events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from pymongo import ASCENDING, DeleteOne, ReturnDocument, UpdateOne
from pymongo.errors import PyMongoError

from payment_gateway.application.ports import QueueUnavailable, RecordedEvent
from payment_gateway.application.webhooks import DueWebhook
from payment_gateway.domain.events.webhook import WebhookReceivedEvent
from payment_gateway.infrastructure.persistence.mongodb import Database, Session

COLLECTION: Final = "webhook_queue"
SUBSCRIPTION: Final = "webhooks"
STREAMS: Final = "webhook-.*"
# Longer than applying can take; a process that dies in the middle delays a notification by so much.
CLAIM: Final = timedelta(minutes=3)


class MongoWebhookQueue:
    """A ``WebhookQueue`` in MongoDB, and the subscription handler that fills it."""

    def __init__(self, database: Database) -> None:
        self._collection: Final = database[COLLECTION]

    async def install(self) -> None:
        """Make the index by which what is due is found; ``QueueUnavailable`` if it cannot."""
        try:
            await self._collection.create_index([("dueAt", ASCENDING)])
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error

    async def handle(self, events: Sequence[RecordedEvent], session: Session) -> None:
        """Add what was received, remove what is done; part of the subscription's transaction."""
        newest = {recorded.stream: recorded for recorded in events}
        writes = [_write(recorded) for recorded in newest.values()]
        if writes:
            await self._collection.bulk_write(writes, ordered=False, session=session)

    async def claim(self, now: datetime, *, limit: int) -> Sequence[DueWebhook]:
        """Return what is due, each to one process only; ``QueueUnavailable`` if it cannot."""
        claimed: list[DueWebhook] = []
        try:
            while len(claimed) < limit:
                document = await self._collection.find_one_and_update(
                    {"dueAt": {"$lte": now}},
                    {"$set": {"dueAt": now + CLAIM}},
                    sort=[("dueAt", ASCENDING)],
                    return_document=ReturnDocument.AFTER,
                )
                if not document:
                    break
                claimed.append(
                    DueWebhook(
                        stream=document["_id"],
                        tenant_id=document["tenantId"],
                        tries=document["tries"],
                        claimed_until=document["dueAt"],
                    )
                )
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error
        return claimed

    async def finish(self, due: DueWebhook, next_at: datetime | None) -> None:
        """Set when to try again, or nothing more; ``QueueUnavailable`` if it cannot."""
        ours = {"_id": due.stream, "dueAt": due.claimed_until}
        try:
            if next_at is None:
                await self._collection.delete_one(ours)
            else:
                await self._collection.update_one(
                    ours, {"$set": {"dueAt": next_at, "tries": due.tries + 1}}
                )
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error


def _write(recorded: RecordedEvent) -> UpdateOne | DeleteOne:
    if not isinstance(recorded.event, WebhookReceivedEvent):
        return DeleteOne({"_id": recorded.stream})
    return UpdateOne(
        {"_id": recorded.stream},
        {
            "$set": {
                "tenantId": recorded.context.tenant_id,
                "dueAt": recorded.context.at,
                "tries": 0,
            }
        },
        upsert=True,
    )
