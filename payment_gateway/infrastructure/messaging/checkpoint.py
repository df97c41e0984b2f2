"""How far a subscription has come, and which of its workers may say so.

One document a subscription, ``{_id: name, epoch, position, owner, session, events, unknown, canaryAt}``. A worker takes the next
epoch when it starts; from then on nothing that an earlier worker does can commit, since every commit
updates this document under the epoch and the position that its worker knows. What an earlier worker has
under way in its session is aborted, so that one that was killed holds nobody up.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from payment_gateway.infrastructure.persistence.mongodb import (
    Database,
    Document,
    Session,
    kill_session,
    session_id,
)

COLLECTION: Final = "checkpoints"
_LEASE: Final = {"epoch": 1, "owner": 1, "session": 1}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What else a commit says of a subscription, for whoever looks at its progress.

    Attributes:
        events: Events that were handled.
        unknown: Events that were passed over since this release has never heard of their type.
        canary_at: When the newest mark was written that has come through, if one has.
    """

    events: int = 0
    unknown: int = 0
    canary_at: datetime | None = None


NOTHING_COUNTED: Final = Counted()


class Checkpoints:
    """The checkpoints of all subscriptions of one installation."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database
        self._collection: Final = database[COLLECTION]

    async def take(self, name: str, session: Session) -> Lease:
        """Begin a new epoch of a subscription, which ends the one before, whoever holds it."""
        before = await self._collection.find_one({"_id": name}, {"session": 1})
        document = await self._begin({"_id": name}, before, session, owner=None)
        return Lease(name, document["epoch"], session)

    async def take_free(
        self, name: str, session: Session, *, owner: str, alive: Collection[str]
    ) -> Lease | None:
        """Begin a new epoch of a subscription that nobody holds; ``None`` where somebody does.

        Args:
            name: Of the subscription.
            session: In which its transactions will be.
            owner: The worker that is to hold it.
            alive: The workers that live; what another one holds is free.
        """
        before = await self._collection.find_one({"_id": name}, _LEASE)
        if before is not None and before.get("owner") in set(alive) - {owner}:
            return None
        epoch = before["epoch"] if before else {"$exists": False}
        as_seen: Document = {"_id": name, "epoch": epoch}
        try:
            document = await self._begin(as_seen, before, session, owner=owner)
        except DuplicateKeyError:  # it was free, and another worker was faster
            return None
        return Lease(name, document["epoch"], session)

    async def release(self, lease: Lease) -> None:
        """Let go of a subscription; where another worker has it already, nothing changes."""
        await self._collection.update_one(
            {"_id": lease.name, "epoch": lease.epoch}, {"$set": {"owner": None, "session": None}}
        )

    async def _begin(
        self, as_seen: Document, before: Document | None, session: Session, *, owner: str | None
    ) -> Document:
        if before is not None and before["session"] is not None:
            await kill_session(self._database, before["session"])
        document = await self._collection.find_one_and_update(
            as_seen,
            {
                "$inc": {"epoch": 1},
                "$set": {"session": session_id(session), "owner": owner},
                "$setOnInsert": {"position": 0},
            },
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        assert document is not None, "an upsert returns what it wrote"
        return document

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

    async def advance(
        self, lease: Lease, *, at: int, to: int, counted: Counted = NOTHING_COUNTED
    ) -> None:
        """Move from one position to the next, inside the lease's transaction.

        Raises:
            LeaseLost: A later worker has taken the subscription over.
            CheckpointMoved: It is not ``at`` that position any more.
        """
        moved: Document = {"position": to}
        if counted.canary_at is not None:
            moved["canaryAt"] = counted.canary_at
        updated = await self._collection.update_one(
            {"_id": lease.name, "epoch": lease.epoch, "position": at},
            {
                "$set": moved,
                "$currentDate": {"updatedAt": True},
                "$inc": {"events": counted.events, "unknown": counted.unknown},
            },
            session=lease.session,
        )
        if updated.matched_count == 0:
            moved_to = await self.position(lease)
            raise CheckpointMoved(f"{lease.name}: at {moved_to}, not {at}")


async def checkpoint_of(database: Database, name: str) -> int:
    """Return up to where a subscription's work is done and visible, 0 if it never ran."""
    document = await database[COLLECTION].find_one({"_id": name}, {"position": 1})
    return int(document["position"]) if document else 0
