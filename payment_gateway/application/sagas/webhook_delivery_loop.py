"""Sends what is due, many at a time, until it is stopped; a slow endpoint holds up no other."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NoReturn

import structlog

from payment_gateway.application.commands.deliver_webhook import Delivering, deliver_webhook
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import (
    EventStoreUnavailable,
    KeySourceUnavailable,
    QueueUnavailable,
    SealBroken,
    StreamMoved,
)
from payment_gateway.application.sagas.work_off import finish, work_off
from payment_gateway.application.webhook_deliveries import DueDelivery
from payment_gateway.domain.errors import DomainError

IN_FLIGHT_MAX: Final = 200
# A tenant with as many endpoints as it may have, none of which answers, leaves room for others.
IN_FLIGHT_PER_ENDPOINT_MAX: Final = 4
IDLE_S: Final = 0.25
# Sending that takes longer is given up like one that crashed; shorter than a claim.
SEND_WITHIN_S: Final = 45.0
# What could not be sent for a reason of ours is looked at again after so long, by how often it was claimed.
RETRIES: Final = (
    timedelta(seconds=1),
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=5),
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WebhookDeliveryLoop:
    """One process's part of the work; any number of them share the queue."""

    gateway: Gateway
    by: Delivering
    _in_flight: Counter[str] = field(default_factory=Counter)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _unexpected: list[BaseException] = field(default_factory=list)

    async def run(self) -> NoReturn:
        """Send what is due until cancelled, then finish what is under way; what is cut off is sent again later."""
        try:
            await work_off(self.run_once, queue="webhook-deliveries", idle_s=IDLE_S)
        finally:
            await finish(self._tasks)

    async def run_once(self) -> int:
        """Begin sending what is due now, as far as there is room, and return how much that was.

        Raises:
            QueueUnavailable: The queue gave no answer.
            BaseException: What nobody expected of a delivery that was begun before; it ends the process.
        """
        if self._unexpected:
            raise self._unexpected[0]
        begun = 0
        while self._in_flight.total() < IN_FLIGHT_MAX:
            due = await self.by.queue.claim(self.gateway.now(), busy_endpoints=self._busy())
            if due is None:
                break
            self._in_flight[due.endpoint_id] += 1
            task = asyncio.create_task(self._deliver(due))
            self._tasks.add(task)
            task.add_done_callback(self._ended)
            begun += 1
        return begun

    async def drain(self) -> None:
        """Wait until everything that was begun has ended."""
        await asyncio.gather(*self._tasks)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._unexpected.append(error)

    def _busy(self) -> frozenset[str]:
        return frozenset(
            endpoint
            for endpoint, count in self._in_flight.items()
            if count >= IN_FLIGHT_PER_ENDPOINT_MAX
        )

    async def _deliver(self, due: DueDelivery) -> None:
        try:
            await self._conclude(due)
        finally:
            self._in_flight[due.endpoint_id] -= 1
            if not self._in_flight[due.endpoint_id]:
                del self._in_flight[due.endpoint_id]

    async def _conclude(self, due: DueDelivery) -> None:
        try:
            async with asyncio.timeout(SEND_WITHIN_S):
                next_at = await deliver_webhook(due, self.gateway, self.by)
        except (
            DomainError,
            EventStoreUnavailable,
            KeySourceUnavailable,
            QueueUnavailable,
            SealBroken,
            StreamMoved,
            TimeoutError,
        ) as error:
            next_at = self.gateway.now() + RETRIES[min(due.tries, len(RETRIES)) - 1]
            log.warning(
                "webhook_delivery.not_sent",
                delivery_id=due.delivery_id,
                tenant_id=due.tenant_id,
                error=type(error).__name__,
            )
        try:
            await self.by.queue.finish(due, next_at)
        except (
            QueueUnavailable
        ) as error:  # the claim ends by itself, and its stream says where it stands
            log.warning("queue.unavailable", queue="webhook-deliveries", error=str(error))
