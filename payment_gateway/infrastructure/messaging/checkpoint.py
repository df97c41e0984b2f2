"""How far a subscription has come, and which of its workers may say so.

One document a subscription, ``{_id: name, epoch, position, session}``. A worker takes the next epoch
when it starts; from then on nothing that an earlier worker does can commit, since every commit updates
this document under the epoch and the position that its worker knows. What an earlier worker has under
way in its session is aborted, so that one that was killed holds nobody up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pymongo import ReturnDocument

from payment_gateway.infrastructure.persistence.mongodb import (
    Database,
    Session,
    kill_session,
    session_id,
)

COLLECTION: Final = "checkpoints"


class LeaseLost(Exception):
    """A later worker has taken this subscription over; what this one did since is rolled back."""


class CheckpointMoved(Exception):
    """The last commit went through after all, though no answer said so: read where it is now."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to move one subscription's checkpoint, until someone takes the next epoch.

    Attributes:
        session: In which the worker does all its transactions, one after the other.
    """

    name: str
    epoch: int
    session: Session


class Checkpoints:
    """The checkpoints of all subscriptions of one installation."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database
        self._collection: Final = database[COLLECTION]

    async def take(self, name: str, session: Session) -> Lease:
        """Begin a new epoch of a subscription, which ends the one before."""
        before = await self._collection.find_one({"_id": name}, {"session": 1})
        if before is not None:
            await kill_session(self._database, before["session"])
        document = await self._collection.find_one_and_update(
            {"_id": name},
            {
                "$inc": {"epoch": 1},
                "$set": {"session": session_id(session)},
                "$setOnInsert": {"position": 0},
            },
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        assert document is not None, "an upsert returns what it wrote"
        return Lease(name, document["epoch"], session)

    async def position(self, lease: Lease) -> int:
        """Return where the subscription stands: everything up to there is done.

        Raises:
            LeaseLost: A later worker has taken it over.
        """
        document = await self._collection.find_one({"_id": lease.name})
        if document is None or document["epoch"] != lease.epoch:
            raise LeaseLost(lease.name)
        position: int = document["position"]
        return position

    async def advance(self, lease: Lease, *, at: int, to: int) -> None:
        """Move from one position to the next, inside the lease's transaction.

        Raises:
            LeaseLost: A later worker has taken the subscription over.
            CheckpointMoved: It is not ``at`` that position any more.
        """
        updated = await self._collection.update_one(
            {"_id": lease.name, "epoch": lease.epoch, "position": at},
            {"$set": {"position": to, "updatedAt": datetime.now(UTC)}},
            session=lease.session,
        )
        if updated.matched_count == 0:
            moved_to = await self.position(lease)
            raise CheckpointMoved(f"{lease.name}: at {moved_to}, not {at}")


async def checkpoint_of(database: Database, name: str) -> int:
    """Return up to where a subscription's work is done and visible, 0 if it never ran."""
    document = await database[COLLECTION].find_one({"_id": name}, {"position": 1})
    return int(document["position"]) if document else 0
