"""When API keys were last used: coarse, in MongoDB, written in the background. Losing it loses nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, NoReturn

import structlog
from pymongo import UpdateOne
from pymongo.errors import PyMongoError

from payment_gateway.infrastructure.persistence.mongodb import Database

COLLECTION: Final = "api_key_uses"
WRITE_EVERY_S: Final = 60.0  # of one key, at most; a time shown is that much too early at worst
LOOK_EVERY_S: Final = 1.0
KEYS_MAX: Final = 10_000  # noted between two writes; what is more is noted at its next use

_log: Final = structlog.get_logger(__name__)


class ApiKeyUses:
    """Notes uses without waiting for anything."""

    def __init__(
        self, database: Database, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._uses = database.get_collection(COLLECTION)
        self._monotonic = monotonic
        self._noted: dict[str, datetime] = {}
        self._next_s: dict[str, float] = {}

    def note(self, api_key_id: str, at: datetime) -> None:
        """Remember that a key was used, unless that was written a moment ago."""
        if self._monotonic() < self._next_s.get(api_key_id, 0.0):
            return
        if len(self._noted) < KEYS_MAX:
            self._noted[api_key_id] = at
            self._next_s[api_key_id] = self._monotonic() + WRITE_EVERY_S

    async def run(self) -> NoReturn:
        """Write what was noted until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.write()

    async def write(self) -> None:
        """Write what was noted; what MongoDB does not take is noted again at the next use."""
        noted, self._noted = self._noted, {}
        now = self._monotonic()
        self._next_s = {key: due for key, due in self._next_s.items() if due > now}
        if not noted:
            return
        updates = [
            UpdateOne({"_id": key}, {"$max": {"lastUsedAt": at}}, upsert=True)
            for key, at in noted.items()
        ]
        try:
            await self._uses.bulk_write(updates, ordered=False)
        except PyMongoError as error:
            _log.warning("api_key_uses.not_written", error=type(error).__name__, keys=len(noted))

    async def last_uses(self, api_key_ids: list[str]) -> Mapping[str, datetime]:
        """Return when each was last used, where that is known; nothing while MongoDB is away."""
        try:
            found = await self._uses.find({"_id": {"$in": api_key_ids}}).to_list(len(api_key_ids))
        except PyMongoError as error:
            _log.warning("api_key_uses.not_read", error=type(error).__name__)
            return {}
        return {one["_id"]: one["lastUsedAt"] for one in found}
