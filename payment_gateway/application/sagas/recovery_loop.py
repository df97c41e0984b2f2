"""Looks at payments when they are due, some at a time, until it is stopped."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NoReturn
from uuid import uuid4

import structlog

from payment_gateway.application.commands.call_operator import call_operator
from payment_gateway.application.commands.recover_payment import recover_payment
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.log_context import logged_for
from payment_gateway.application.ports import (
    CommandContext,
    DueLook,
    EventStoreUnavailable,
    KeySourceUnavailable,
    QueueUnavailable,
    RecoveryQueue,
    SealBroken,
    StreamMoved,
)
from payment_gateway.application.sagas.recovery import is_exhausted, next_look, retry_at
from payment_gateway.application.sagas.work_off import finish, work_off
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.errors import (
    CredentialRevoked,
    DomainError,
    ProviderNotConfigured,
    ProviderUnavailableError,
)
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO

ACTOR: Final = "recovery"
LOOKS_AT_ONCE_MAX: Final = 64
# However slow one provider is, the payments of others find places.
LOOKS_OF_ONE_PROVIDER_MAX: Final = 16
PUT_OFF: Final = timedelta(seconds=2)
IDLE_S: Final = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RecoveryLoop:
    """One process's part of the recovery; any number of them share the queue."""

    queue: RecoveryQueue
    gateway: Gateway
    _looks: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _by_provider: Counter[str] = field(default_factory=Counter, init=False)

    async def run(self) -> NoReturn:
        """Look at what is due until cancelled, then finish the looks; what fails is due again later."""
        try:
            await work_off(self._begin_due, queue="recovery", idle_s=IDLE_S)
        finally:
            await finish(self._looks)

    async def run_once(self) -> int:
        """Look at the payments that are due now and return how many there were.

        Raises:
            QueueUnavailable: The queue gave no answer.
        """
        begun = await self._begin_due()
        await asyncio.gather(*self._looks)
        self._clear_done()
        return begun

    async def _begin_due(self) -> int:
        """Begin looks for which there are places, wait for none, and return how many there were."""
        self._clear_done()
        places = LOOKS_AT_ONCE_MAX - len(self._looks)
        if places == 0:
            return 0
        due = await self.queue.claim(self.gateway.now(), limit=places)
        for look in due:
            task = asyncio.create_task(self._look(look))
            self._looks.add(task)
        return len(due)

    def _clear_done(self) -> None:
        """Make places free; a look that ended by a defect of ours ends the loop with it."""
        for task in [look for look in self._looks if look.done()]:
            self._looks.discard(task)
            task.result()

    async def _look(self, look: DueLook) -> None:
        try:
            provider = await self._provider_of(look)
            if self._by_provider[provider] >= LOOKS_OF_ONE_PROVIDER_MAX:
                await self.queue.put_off(look, self.gateway.now() + PUT_OFF)
                return
            self._by_provider[provider] += 1
            try:
                await self.queue.finish(look, await self._recover(look))
            finally:
                self._by_provider[provider] -= 1
        except QueueUnavailable as error:
            # It is due again when its claim is over.
            log.warning("recovery.look_not_finished", payment_id=look.payment_id, error=str(error))

    async def _provider_of(self, look: DueLook) -> str:
        """Return whom the look is at; whatever cannot be read now is nobody's, and told by the look."""
        try:
            payment_id = PaymentIdVO(look.payment_id)
            found = await self.gateway.payments.find(payment_id, tenant_id=look.tenant_id)
        except (DomainError, EventStoreUnavailable):
            return ""
        return found.payment.provider

    async def _recover(self, look: DueLook) -> datetime | None:
        now = self.gateway.now()
        context = CommandContext(
            tenant_id=look.tenant_id, actor=ACTOR, correlation_id=str(uuid4()), at=now
        )
        with logged_for(context, payment_id=look.payment_id):
            return await self._recover_as(look, context)

    async def _recover_as(self, look: DueLook, context: CommandContext) -> datetime | None:
        payment_id, now = PaymentIdVO(look.payment_id), context.at
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
