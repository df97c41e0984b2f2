"""The recovery's queue: one document a payment that is open, derived from the events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from pymongo import DeleteOne, UpdateOne

from payment_gateway.application.ports import DueLook, RecordedEvent
from payment_gateway.application.sagas.recovery import first_look
from payment_gateway.domain.events.payment import PaymentEvent
from payment_gateway.infrastructure.messaging.due_queue import DueQueue
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
        self._due: Final = DueQueue(self._collection, claim=CLAIM, counter="looks")

    async def install(self) -> None:
        """Make the index by which what is due is found; ``QueueUnavailable`` if it cannot."""
        await self._due.install()

    async def handle(self, events: Sequence[RecordedEvent], session: Session) -> None:
        """Set each payment's next look by its newest event; part of the subscription's transaction."""
        newest = {recorded.stream: recorded for recorded in events}
        writes = [self._write(recorded) for recorded in newest.values()]
        if writes:
            await self._collection.bulk_write(writes, ordered=False, session=session)

    async def claim(self, now: datetime, *, limit: int) -> Sequence[DueLook]:
        """Return payments that are due, each to one process only; ``QueueUnavailable`` if it cannot."""
        return [
            DueLook(
                payment_id=document["_id"],
                tenant_id=document["tenantId"],
                last_change_at=document["lastChangeAt"],
                looks=document["looks"],
                claimed_until=document["dueAt"],
            )
            for document in await self._due.claim(now, limit=limit)
        ]

    async def finish(self, look: DueLook, next_at: datetime | None) -> None:
        """Set the next look, or none; ``QueueUnavailable`` if it cannot."""
        await self._due.finish(
            look.payment_id, next_at, claimed_until=look.claimed_until, counted=look.looks
        )

    async def put_off(self, look: DueLook, next_at: datetime) -> None:
        """Set the next look, not counting this one; ``QueueUnavailable`` if it cannot."""
        await self._due.finish(
            look.payment_id, next_at, claimed_until=look.claimed_until, counted=look.looks - 1
        )

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
