"""The queue of notifications that wait to be applied: one document each, derived from the events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from pymongo import DeleteOne, UpdateOne

from payment_gateway.application.ports import RecordedEvent
from payment_gateway.application.webhooks import DueWebhook
from payment_gateway.domain.events.webhook import WebhookReceivedEvent
from payment_gateway.infrastructure.messaging.due_queue import DueQueue
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
        self._due: Final = DueQueue(self._collection, claim=CLAIM, counter="tries")

    async def install(self) -> None:
        """Make the index by which what is due is found; ``QueueUnavailable`` if it cannot."""
        await self._due.install()

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
