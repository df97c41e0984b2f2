"""One worker among others: takes its share of the units, gives back what is more, works on what it has.

Any number of processes may run the same units. Each says about every second that it lives, looks who
else does, and works out who is to hold what. A unit passes on when its worker lets go of it, or is dead.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, NoReturn
from uuid import uuid4

import structlog
from pymongo.errors import PyMongoError

from payment_gateway.infrastructure.messaging.fair_shares import Seat, assign
from payment_gateway.infrastructure.messaging.held_work import HeldWork
from payment_gateway.infrastructure.messaging.shared_log import SharedLog
from payment_gateway.infrastructure.messaging.subscription_status import SubscriptionStatus
from payment_gateway.infrastructure.messaging.unit import Job, Unit, Work
from payment_gateway.infrastructure.messaging.workers import LEAVES_WITHIN_S, Workers
from payment_gateway.infrastructure.persistence.event_log import EventLog
from payment_gateway.infrastructure.persistence.mongodb import Database
from payment_gateway.telemetry.metrics import SUBSCRIPTION_LAG

# A round renews the worker's life, so several fit into ``LIVES_FOR_S``.
ROUND_EVERY_S: Final = 1.0

Offered = Callable[[], Awaitable[Sequence[Work]]]
"""What there is to do; asked in every round, so that units may come and go."""

_log = structlog.get_logger(__name__)


class Fleet:
    """One worker.

    Args:
        offered: What this worker could do, paused units among it.
        log: Where events come from.
        database: Where leases, checkpoints and what the handlers write are kept.
        dedicated: Whether it works on these units alone; workers that do not then leave them to it.
    """

    def __init__(
        self, *, offered: Offered, log: EventLog, database: Database, dedicated: bool = False
    ) -> None:
        self.id: Final = str(uuid4())
        self._offered: Final = offered
        self._events: Final = SharedLog(log)  # many follow it
        self._database: Final = database
        self._dedicated: Final = dedicated
        self._workers: Final = Workers(database, self.id)
        self._held: Final[dict[str, HeldWork]] = {}
        self._mine: frozenset[str] | None = None

    @property
    def statuses(self) -> list[SubscriptionStatus]:
        """How the subscriptions are doing that this worker holds, by name."""
        held = (self._held[name].status for name in sorted(self._held))
        return [status for status in held if status is not None]

    @property
    def followed(self) -> list[tuple[Unit, SubscriptionStatus]]:
        """What the subscriptions are that this worker holds, and how they are doing, by name."""
        held = (self._held[name] for name in sorted(self._held))
        return [
            (one.work, one.status)
            for one in held
            if isinstance(one.work, Unit) and one.status is not None
        ]

    def ready(self) -> tuple[bool, dict[str, object]]:
        """Return whether all that is for this worker is held and follows the log live, and details.

        A subscription that was given no mark for ``canary.AGE_S_MAX`` does not follow the log.
        """
        now = datetime.now(UTC)
        details: dict[str, object] = {one.name: one.as_json(now) for one in self.statuses}
        if self._mine is None:
            return False, details
        held = [self._held[name] for name in self._mine if name in self._held]
        return len(held) == len(self._mine) and all(one.is_well(now) for one in held), details

    async def run(self) -> NoReturn:
        """Work until cancelled; then finish the batches under way and let go of everything.

        Without MongoDB it waits for it.
        """
        try:
            while True:
                try:
                    await self._round()
                except PyMongoError as error:
                    _log.warning("fleet.interrupted", worker=self.id, error=str(error))
                await asyncio.sleep(ROUND_EVERY_S)
        finally:
            self._mine = None
            # Shielded: a second signal must not leave leases behind that others wait for.
            await asyncio.shield(self._leave())

    async def _round(self) -> None:
        if self._mine is None:
            await self._workers.install()
        works = {work.name: work for work in await self._offered()}
        groups: defaultdict[str, list[str]] = defaultdict(list)
        for work in works.values():
            if isinstance(work, Job) or not work.paused:
                groups[work.group].append(work.name)
        await self._workers.renew(Seat(groups=groups, dedicated=self._dedicated))
        seats = await self._workers.seats()
        names = {name for seat in seats.values() for unit in seat.groups.values() for name in unit}
        holders = await self._workers.holders(names | self._held.keys(), seats)
        assigned = assign(seats, holders)
        mine = frozenset(name for name, worker in assigned.items() if worker == self.id)
        self._let_go(mine, holders)
        for name in sorted(mine & works.keys()):
            self._take(works[name], seats, holders)
        self._mine = mine
        self._measure()

    def _measure(self) -> None:
        now = datetime.now(UTC)
        SUBSCRIPTION_LAG.clear()  # what another worker holds now is measured there
        for status in self.statuses:
            lag_s = status.lag_s(now)
            if lag_s is not None:
                SUBSCRIPTION_LAG.labels(status.name).set(lag_s)

    def _take(self, work: Work, seats: dict[str, Seat], holders: dict[str, str]) -> None:
        held = self._held.get(work.name)
        if held is not None:
            held.work = work
        elif holders.get(work.name) in (None, self.id):
            self._held[work.name] = HeldWork(
                work, worker=self.id, alive=seats, log=self._events, database=self._database
            )

    def _let_go(self, mine: frozenset[str], holders: dict[str, str]) -> None:
        for name, held in list(self._held.items()):
            if held.is_over:
                held.check()
                del self._held[name]
            elif name not in mine or holders.get(name, self.id) != self.id:
                held.let_go()

    async def _leave(self) -> None:
        with suppress(PyMongoError):
            await self._workers.leave()
        for held in self._held.values():
            held.let_go()
        await asyncio.gather(*(one.over(within_s=LEAVES_WITHIN_S) for one in self._held.values()))
        self._held.clear()
        with suppress(PyMongoError):
            await self._workers.remove()
