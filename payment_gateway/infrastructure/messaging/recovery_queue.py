"""The recovery's queue: one document a payment that is open, derived from the events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from pymongo import ASCENDING, DeleteOne, ReturnDocument, UpdateOne
from pymongo.errors import PyMongoError

from payment_gateway.application.ports import DueLook, QueueUnavailable, RecordedEvent
from payment_gateway.application.sagas.recovery import first_look
from payment_gateway.domain.events.payment import PaymentEvent
from payment_gateway.infrastructure.persistence.mongodb import Database, Session

COLLECTION: Final = "recovery_queue"
SUBSCRIPTION: Final = "recovery"
STREAMS: Final = "payment-.*"
# Longer than a look can take; a process that dies in the middle delays a payment by so much.
CLAIM: Final = timedelta(minutes=3)


class MongoRecoveryQueue:
    """A ``RecoveryQueue`` in MongoDB, and the subscription handler that fills it."""

    def __init__(self, database: Database) -> None:
        self._collection: Final = database[COLLECTION]

    async def install(self) -> None:
        """Make the index by which what is due is found; ``QueueUnavailable`` if it cannot."""
        try:
            await self._collection.create_index([("dueAt", ASCENDING)])
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error

    async def handle(self, events: Sequence[RecordedEvent], session: Session) -> None:
        """Set each payment's next look by its newest event; part of the subscription's transaction."""
        newest = {recorded.stream: recorded for recorded in events}
        writes = [self._write(recorded) for recorded in newest.values()]
        if writes:
            await self._collection.bulk_write(writes, ordered=False, session=session)

    async def claim(self, now: datetime, *, limit: int) -> Sequence[DueLook]:
        """Return payments that are due, each to one process only; ``QueueUnavailable`` if it cannot."""
        claimed: list[DueLook] = []
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
                    DueLook(
                        payment_id=document["_id"],
                        tenant_id=document["tenantId"],
                        last_change_at=document["lastChangeAt"],
                        looks=document["looks"],
                        claimed_until=document["dueAt"],
                    )
                )
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error
        return claimed

    async def finish(self, look: DueLook, next_at: datetime | None) -> None:
        """Set the next look, or none; ``QueueUnavailable`` if it cannot."""
        ours = {"_id": look.payment_id, "dueAt": look.claimed_until}
        try:
            if next_at is None:
                await self._collection.delete_one(ours)
            else:
                await self._collection.update_one(
                    ours, {"$set": {"dueAt": next_at, "looks": look.looks + 1}}
                )
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error

    def _write(self, recorded: RecordedEvent) -> UpdateOne | DeleteOne:
        event = recorded.event
        assert isinstance(event, PaymentEvent), "a stream of payment events"
        due_at = first_look(event, recorded.context.at)
        if due_at is None:
            return DeleteOne({"_id": event.payment_id})
        return UpdateOne(
            {"_id": event.payment_id},
            {
                "$set": {
                    "tenantId": recorded.context.tenant_id,
                    "dueAt": due_at,
                    "lastChangeAt": recorded.context.at,
                    "looks": 0,
                }
            },
            upsert=True,
        )
