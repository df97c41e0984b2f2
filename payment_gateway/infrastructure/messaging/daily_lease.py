"""Who does a daily job: one document a job, so that of all processes one does it, once a day.

``{_id: job, doneOn: "2026-02-03", heldBy, heldUntil}``. A process that dies while it holds the job lets
go of it by time, and another does it on the same day.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from pymongo.errors import DuplicateKeyError, PyMongoError

from payment_gateway.application.ports import QueueUnavailable
from payment_gateway.infrastructure.persistence.mongodb import Database

COLLECTION: Final = "daily_jobs"
# Longer than a page of provider calls takes, with every one of them at its deadline.
HELD_FOR: Final = timedelta(minutes=20)


class MongoDailyLease:
    """One process's hold on one daily job."""

    def __init__(self, database: Database, job: str) -> None:
        self._collection: Final = database[COLLECTION]
        self._job: Final = job
        self._holder: Final = str(uuid4())

    async def take(self, now: datetime) -> bool:
        """Take the job of this day, unless it is done or another process has it.

        Raises:
            QueueUnavailable: No answer; take it later.
        """
        free = {
            "_id": self._job,
            "doneOn": {"$ne": _day(now)},
            "heldUntil": {"$lte": now},
        }
        held = {"$set": {"heldBy": self._holder, "heldUntil": now + HELD_FOR}}
        try:
            taken = await self._collection.update_one(free, held, upsert=True)
        except DuplicateKeyError:  # there is such a document, and it is not free
            return False
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error
        return taken.matched_count == 1 or taken.upserted_id is not None

    async def renew(self, now: datetime) -> bool:
        """Hold the job for ``HELD_FOR`` from now; ``False`` where another process has taken it.

        Raises:
            QueueUnavailable: No answer.
        """
        return await self._update({"heldUntil": now + HELD_FOR})

    async def finish(self, now: datetime) -> None:
        """Say that the job of this day is done.

        Raises:
            QueueUnavailable: No answer; the job may be done once more.
        """
        await self._update({"doneOn": _day(now), "heldUntil": now})

    async def _update(self, fields: dict[str, object]) -> bool:
        try:
            updated = await self._collection.update_one(
                {"_id": self._job, "heldBy": self._holder}, {"$set": fields}
            )
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error
        return updated.matched_count == 1


def _day(moment: datetime) -> str:
    return moment.date().isoformat()
