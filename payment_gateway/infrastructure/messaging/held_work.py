"""What a worker does with one unit: take its lease, work, let go of it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from payment_gateway.application.ports import EventStoreUnavailable
from payment_gateway.infrastructure.messaging.canary import AGE_S_MAX
from payment_gateway.infrastructure.messaging.checkpoint import Checkpoints, Lease, LeaseLost
from payment_gateway.infrastructure.messaging.parking import TooManyParked
from payment_gateway.infrastructure.messaging.subscription import Subscription
from payment_gateway.infrastructure.messaging.subscription_status import SubscriptionStatus
from payment_gateway.infrastructure.messaging.unit import Job, Unit, Work
from payment_gateway.infrastructure.persistence.event_log import EventLog
from payment_gateway.infrastructure.persistence.eventstoredb import EventStoreRefused
from payment_gateway.infrastructure.persistence.mongodb import Database, open_session

# A subscription that cannot go on without being repaired is tried again this often, and shows as stopped.
REPAIRED_WITHIN_S: Final = 30.0

_log = structlog.get_logger(__name__)


class HeldWork:
    """A unit in the hands of this worker, or about to be; begins at once.

    Args:
        work: What is to be done; may be set anew while it is held, with another rate.
        worker: The worker that is to hold it.
        alive: The workers that live.
        log: Where events come from.
        database: Where leases, checkpoints and what the handlers write are kept.
    """

    def __init__(
        self, work: Work, *, worker: str, alive: Collection[str], log: EventLog, database: Database
    ) -> None:
        self.work = work
        self._worker: Final = worker
        self._alive: Final = frozenset(alive)
        self._database: Final = database
        self._checkpoints: Final = Checkpoints(database)
        self._subscription: Final = self._subscribe(work, log)
        self._task: Final = asyncio.create_task(self._hold(), name=f"hold {work.name}")

    @property
    def status(self) -> SubscriptionStatus | None:
        """How its subscription is doing, if it is one."""
        return None if self._subscription is None else self._subscription.status

    def is_well(self, now: datetime) -> bool:
        """Tell whether it is being done, and if it is a subscription, whether it follows the log live."""
        if self.is_over or self.status is None:
            return not self.is_over
        lag_s = self.status.lag_s(now)
        return self.status.is_live and (lag_s is None or lag_s <= AGE_S_MAX)

    @property
    def is_over(self) -> bool:
        """Whether it has come to its end, and the lease is not held any more."""
        return self._task.done()

    def let_go(self) -> None:
        """End it: a transaction under way may finish, then the lease is free."""
        if not self._task.cancelling():
            self._task.cancel()

    def check(self) -> None:
        """Raise what ended it, if that was a fault of this program."""
        if not self._task.cancelled():
            self._task.result()

    async def over(self, *, within_s: float) -> None:
        """Wait until it has come to its end, or the time is over."""
        await asyncio.wait({self._task}, timeout=within_s)

    def _subscribe(self, work: Work, log: EventLog) -> Subscription | None:
        if isinstance(work, Job):
            return None
        return Subscription(
            name=work.name,
            matching=work.matching,
            handler=work.handler,
            types=work.types,
            log=log,
            database=self._database,
            rate=self._rate,
            gathers_s=work.gathers_s,
        )

    def _rate(self) -> float | None:
        return self.work.rate if isinstance(self.work, Unit) else None

    async def _hold(self) -> None:
        async with open_session(self._database) as session:
            try:
                lease = await self._checkpoints.take_free(
                    self.work.name, session, owner=self._worker, alive=self._alive
                )
            except PyMongoError as error:  # tried again in the next round
                _log.warning("unit.not_taken", unit=self.work.name, error=str(error))
                return
            if lease is None:
                return
            _log.info("unit.taken", unit=lease.name, worker=self._worker, epoch=lease.epoch)
            try:
                await self._do(lease)
            except LeaseLost:
                _log.warning("unit.lost", unit=lease.name, worker=self._worker)
            except (PyMongoError, EventStoreUnavailable) as error:
                _log.warning("unit.interrupted", unit=lease.name, error=str(error))
            finally:
                # Where this does not arrive, the lease ends with this worker.
                with suppress(PyMongoError):
                    await self._checkpoints.release(lease)
                _log.info("unit.released", unit=lease.name, worker=self._worker)

    async def _do(self, lease: Lease) -> None:
        while True:
            try:
                if isinstance(self.work, Job):
                    return await self.work.run()
                assert self._subscription is not None, "what is no job is a subscription"
                await self._subscription.keep(lease)
            except (TooManyParked, EventStoreRefused) as error:
                # Others would fail on it too, and the other units go on.
                _log.exception("unit.stopped", unit=lease.name)
                if self.status is not None:
                    self.status.last_error = f"{type(error).__name__}: {error}"
                await asyncio.sleep(REPAIRED_WITHIN_S)
