"""Looks at payments when they are due, some at a time, until it is stopped."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NoReturn
from uuid import uuid4

import structlog

from payment_gateway.application.commands.call_operator import call_operator
from payment_gateway.application.commands.recover_payment import recover_payment
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import (
    CommandContext,
    DueLook,
    EventStoreUnavailable,
    KeySourceUnavailable,
    RecoveryQueue,
    SealBroken,
    StreamMoved,
)
from payment_gateway.application.sagas.recovery import is_exhausted, next_look, retry_at
from payment_gateway.application.sagas.work_off import work_off
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.errors import (
    CredentialRevoked,
    DomainError,
    ProviderNotConfigured,
    ProviderUnavailableError,
)
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO

ACTOR: Final = "recovery"
LOOKS_AT_ONCE_MAX: Final = 16
IDLE_S: Final = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RecoveryLoop:
    """One process's part of the recovery; any number of them share the queue."""

    queue: RecoveryQueue
    gateway: Gateway

    async def run(self) -> NoReturn:
        """Look at what is due until cancelled; what fails is due again later."""
        await work_off(self.run_once, queue="recovery", idle_s=IDLE_S)

    async def run_once(self) -> int:
        """Look at the payments that are due now and return how many there were.

        Raises:
            QueueUnavailable: The queue gave no answer.
        """
        looks = await self.queue.claim(self.gateway.now(), limit=LOOKS_AT_ONCE_MAX)
        await asyncio.gather(*(self._look(look) for look in looks))
        return len(looks)

    async def _look(self, look: DueLook) -> None:
        next_at = await self._recover(look)
        await self.queue.finish(look, next_at)

    async def _recover(self, look: DueLook) -> datetime | None:
        now = self.gateway.now()
        payment_id = PaymentIdVO(look.payment_id)
        context = CommandContext(
            tenant_id=look.tenant_id, actor=ACTOR, correlation_id=str(uuid4()), at=now
        )
        try:
            payment = await self._ask_provider(payment_id, look, context)
            if is_exhausted(payment, look.looks):
                payment = (await call_operator(payment_id, context, self.gateway)).state
        except (DomainError, EventStoreUnavailable, StreamMoved) as error:
            log.warning(
                "recovery.look_failed",
                payment_id=look.payment_id,
                tenant_id=look.tenant_id,
                looks=look.looks,
                error=type(error).__name__,
            )
            return retry_at(look.looks, now)
        return next_look(payment, look.looks, now)

    async def _ask_provider(
        self, payment_id: PaymentIdVO, look: DueLook, context: CommandContext
    ) -> Payment:
        """Return the payment after asking its provider, or as it is where that cannot be asked."""
        known = {"payment_id": look.payment_id, "tenant_id": look.tenant_id, "looks": look.looks}
        try:
            executed = await recover_payment(payment_id, look.last_change_at, context, self.gateway)
        except (
            ProviderUnavailableError,
            ProviderNotConfigured,
            CredentialRevoked,
            SealBroken,
            KeySourceUnavailable,
        ) as error:
            log.warning("recovery.provider_not_asked", **known, error=type(error).__name__)
            found = await self.gateway.payments.find(payment_id, tenant_id=look.tenant_id)
            return found.payment
        log.info(
            "recovery.looked",
            **known,
            status=executed.state.status,
            learned=len(executed.events),
        )
        return executed.state
