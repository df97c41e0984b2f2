"""Things that are due at some time, each taken up by one process only.

One document a thing, with ``dueAt``. Taking it up moves ``dueAt`` on by as long as the work may take, so
that a process that dies in the middle only delays it; finishing sets it anew, unless news has done so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import ASCENDING, ReturnDocument
from pymongo.errors import PyMongoError

from payment_gateway.application.ports import QueueUnavailable
from payment_gateway.infrastructure.persistence.mongodb import Collection, Document


class DueQueue:
    """A collection of things with the times when they are due.

    Args:
        collection: Where they are.
        claim: Longer than the work on one can take.
        counter: The field that counts how often one was taken up since there was news of it.
    """

    def __init__(self, collection: Collection, *, claim: timedelta, counter: str) -> None:
        self._collection: Final = collection
        self._claim: Final = claim
        self._counter: Final = counter

    async def install(self) -> None:
        """Make the index by which what is due is found; ``QueueUnavailable`` if it cannot."""
        try:
            await self._collection.create_index([("dueAt", ASCENDING)], name="due", sparse=True)
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error

    async def claim(self, now: datetime, *, limit: int) -> Sequence[Document]:
        """Return what is due, each to one caller only; ``QueueUnavailable`` if it cannot."""
        claimed: list[Document] = []
        try:
            while len(claimed) < limit:
                document = await self._collection.find_one_and_update(
                    {"dueAt": {"$lte": now}},
                    {"$set": {"dueAt": now + self._claim}},
                    sort=[("dueAt", ASCENDING)],
                    return_document=ReturnDocument.AFTER,
                )
                if not document:
                    break
                claimed.append(document)
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error
        return claimed

    async def finish(
        self,
        name: str,
        next_at: datetime | None,
        *,
        claimed_until: datetime,
        counted: int,
        forget: bool = True,
    ) -> None:
        """Set when it is due again, if no news has done so; ``QueueUnavailable`` if it cannot.

        Args:
            name: Which one.
            next_at: ``None`` for never.
            claimed_until: As it was claimed.
            counted: The counter as it was claimed.
            forget: Whether one that is never due again is removed.
        """
        ours = {"_id": name, "dueAt": claimed_until}
        change: dict[str, Any] = {"$unset": {"dueAt": ""}}
        if next_at is not None:
            change = {"$set": {"dueAt": next_at, self._counter: counted + 1}}
        try:
            if next_at is None and forget:
                await self._collection.delete_one(ours)
            else:
                await self._collection.update_one(ours, change)
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error
