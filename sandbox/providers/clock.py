"""The simulator's own time: the machine's, moved forward by as much as a test has asked for."""

from datetime import UTC, datetime, timedelta

import msgspec

from sandbox.providers.store import Store

ADVANCE_SECONDS_MAX = 10 * 366 * 24 * 3600

_KIND = "clock"
_KEY = "offset"


class _Offset(msgspec.Struct, frozen=True):
    seconds: float


class Clock:
    """A clock that can be moved forward and stays moved over a restart."""

    def __init__(self, store: Store) -> None:
        self._store = store
        stored = store.get(_KIND, _KEY, _Offset)
        self._offset_s = stored.seconds if stored else 0.0

    def now(self) -> datetime:
        """Return the simulated time in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self._offset_s)

    async def advance(self, seconds: float) -> datetime:
        """Move the clock forward by ``seconds``, durably, and return the new time."""

        def move() -> float:
            stored = self._store.get(_KIND, _KEY, _Offset)
            offset_s = (stored.seconds if stored else 0.0) + seconds
            self._store.put(_KIND, _KEY, _Offset(offset_s))
            return offset_s

        self._offset_s = await self._store.transact(move)
        return self.now()
