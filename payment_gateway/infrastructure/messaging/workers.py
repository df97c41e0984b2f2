"""Which workers live: one document each, which it renews; one that does not is taken for dead.

``{_id: id, groups: {group: [unit, ...]}, dedicated, expiresAt, host, pid}``. A lease lives as long as the
worker that holds it, so that holding many costs no more writes than holding one. All times are the
server's: the clocks of the workers' machines do not matter.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from typing import Final

from pymongo import ASCENDING

from payment_gateway.infrastructure.messaging import checkpoint
from payment_gateway.infrastructure.messaging.fair_shares import Seat
from payment_gateway.infrastructure.persistence.mongodb import Database, Document

COLLECTION: Final = "workers"
# A worker that was killed, cut off or frozen for so long loses what it holds.
LIVES_FOR_S: Final = 5.0
# A worker that is told to stop has so long to finish what it has under way.
LEAVES_WITHIN_S: Final = 40.0
# What is left of one that was killed is removed after a while; until then it can be looked at.
KEPT_FOR_S: Final = 3_600


class Workers:
    """The workers of one installation, as one of them sees them."""

    def __init__(self, database: Database, worker_id: str) -> None:
        self._id: Final = worker_id
        self._collection: Final = database[COLLECTION]
        self._checkpoints: Final = database[checkpoint.COLLECTION]

    async def install(self) -> None:
        """Make the index by which the server removes what is long dead."""
        await self._collection.create_index(
            [("expiresAt", ASCENDING)], name="expiry", expireAfterSeconds=KEPT_FOR_S
        )

    async def renew(self, seat: Seat) -> None:
        """Say that this worker lives, and what it could do."""
        await self._write(seat, LIVES_FOR_S)

    async def leave(self) -> None:
        """Say that this worker takes nothing more; it keeps what it holds until it lets go."""
        await self._write(Seat(groups={}), LEAVES_WITHIN_S)

    async def remove(self) -> None:
        """Say that this worker is gone."""
        await self._collection.delete_one({"_id": self._id})

    async def seats(self) -> dict[str, Seat]:
        """Return all workers that live."""
        return {
            document["_id"]: Seat(groups=document["groups"], dedicated=document["dedicated"])
            async for document in self._collection.find({"$expr": {"$gt": ["$expiresAt", "$$NOW"]}})
        }

    async def holders(self, units: Iterable[str], alive: Iterable[str]) -> dict[str, str]:
        """Return who holds what, of these units and workers."""
        wanted = {"_id": {"$in": list(units)}, "owner": {"$in": list(alive)}}
        cursor = self._checkpoints.find(wanted, {"owner": 1})
        return {document["_id"]: document["owner"] async for document in cursor}

    async def _write(self, seat: Seat, lives_for_s: float) -> None:
        fields: Document = {
            "_id": self._id,
            # A literal, so that no name is taken for an expression.
            "groups": {"$literal": {group: list(units) for group, units in seat.groups.items()}},
            "dedicated": seat.dedicated,
            "host": {"$literal": socket.gethostname()},
            "pid": os.getpid(),
            "expiresAt": {"$add": ["$$NOW", int(lives_for_s * 1000)]},
        }
        await self._collection.update_one(
            {"_id": self._id}, [{"$replaceWith": fields}], upsert=True
        )
