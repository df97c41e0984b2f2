"""How far read models have come, for all who wait for one of them to come further.

However many requests wait, MongoDB is asked once for all of them, as often as the most pressing one wants.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from pymongo.errors import PyMongoError

from payment_gateway.infrastructure.messaging.checkpoint import COLLECTION
from payment_gateway.infrastructure.persistence.mongodb import Database
from projections.generations import Generation, partition_of

POLL_EVERY_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a generation has come.

    Attributes:
        position: Everything up to there is shown.
        state: Another text as soon as any of its partitions has moved on.
    """

    position: int
    state: str


@dataclass(eq=False, slots=True)
class _Waiting:
    """Somebody who waits until all of these subscriptions have reached a position."""

    names: Sequence[str]
    position: int
    poll_s: float
    reached: asyncio.Future[Reached] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Positions:
    """Reads the checkpoints of read models.

    A position is where a generation has come as a whole: its partition that is furthest behind.
    """

    def __init__(self, database: Database) -> None:
        self._checkpoints: Final = database[COLLECTION]
        self._waiting: Final[set[_Waiting]] = set()
        self._poller: asyncio.Task[None] | None = None
        self._joined: Final = asyncio.Event()

    async def of(self, generation: Generation, *, payment_id: str | None = None) -> Reached:
        """Return how far a generation has come.

        Args:
            generation: Which build of a read model.
            payment_id: The one payment that is asked for; then only its partition counts.
        """
        names = _subscriptions(generation, payment_id)
        return _reached(names, await self._read(names))

    async def reach(
        self,
        generation: Generation,
        position: int,
        *,
        within_s: float,
        payment_id: str | None = None,
        poll_s: float = POLL_EVERY_S,
    ) -> Reached | None:
        """Wait until everything up to a position is shown.

        Args:
            generation: Which build of a read model.
            position: In the log.
            within_s: How long to wait at most.
            payment_id: The one payment that is asked for; then only its partition counts.
            poll_s: How soon after it is shown that is to be noticed, at the latest.

        Returns:
            How far it has come then; ``None`` where it was not that far within that time.
        """
        names = _subscriptions(generation, payment_id)
        return await self.reach_all(names, position, within_s=within_s, poll_s=poll_s)

    async def reach_all(
        self,
        names: Sequence[str],
        position: int,
        *,
        within_s: float,
        poll_s: float = POLL_EVERY_S,
    ) -> Reached | None:
        """Wait until subscriptions have come to a position, as ``reach`` does for a read model."""
        reached = _reached(names, await self._read(names))
        if reached.position >= position or within_s <= 0:
            return reached if reached.position >= position else None
        waiting = _Waiting(names, position, poll_s)
        self._waiting.add(waiting)
        self._joined.set()
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            async with asyncio.timeout(within_s):
                return await waiting.reached
        except TimeoutError:
            return None
        finally:
            self._waiting.discard(waiting)

    async def _poll(self) -> None:
        """Ask for all who wait, until nobody does; each of them waits for a limited time."""
        while self._waiting:
            started_s = time.monotonic()
            waiting = list(self._waiting)
            try:
                found = await self._read({name for one in waiting for name in one.names})
            except PyMongoError as error:  # whoever waits is told, and asks again if they want to
                for one in waiting:
                    if not one.reached.done():
                        one.reached.set_exception(error)
                return
            for one in waiting:
                reached = _reached(one.names, found)
                if reached.position >= one.position and not one.reached.done():
                    one.reached.set_result(reached)
                    self._waiting.discard(one)
            await self._pause(started_s)

    async def _pause(self, started_s: float) -> None:
        """Wait until the next look is due; who joins meanwhile may be in more of a hurry."""
        while self._waiting:
            self._joined.clear()
            due_s = started_s + min(one.poll_s for one in self._waiting) - time.monotonic()
            if due_s <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(due_s):
                    await self._joined.wait()

    async def _read(self, names: Iterable[str]) -> dict[str, int]:
        wanted = list(names)
        found = dict.fromkeys(wanted, 0)
        async for document in self._checkpoints.find({"_id": {"$in": wanted}}, {"position": 1}):
            found[document["_id"]] = int(document["position"])
        return found


@dataclass(frozen=True, slots=True)
class SubscriptionPosition:
    """How far one subscription has come that makes something else than a read model."""

    positions: Positions
    name: str

    async def reach(self, position: int, *, within_s: float) -> int | None:
        """Wait until it has come to a position; return how far it is then, ``None`` for not that far."""
        reached = await self.positions.reach_all([self.name], position, within_s=within_s)
        return None if reached is None else reached.position


def _reached(names: Sequence[str], found: Mapping[str, int]) -> Reached:
    positions = [found[name] for name in names]
    return Reached(min(positions), ".".join(map(str, positions)))


def _subscriptions(generation: Generation, payment_id: str | None) -> list[str]:
    if payment_id is not None:
        return [generation.subscription(partition_of(payment_id, generation.partitions))]
    return [generation.subscription(number) for number in range(generation.partitions)]
