"""A reconciliation run: a provider's payments are compared with its books, some at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Protocol
from uuid import uuid4

import structlog

from payment_gateway.application.commands.reconcile_payment import Difference, reconcile_payment
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.log_context import logged_for
from payment_gateway.application.ports import (
    CommandContext,
    EventStoreUnavailable,
    KeySourceUnavailable,
    SealBroken,
    StreamMoved,
)
from payment_gateway.domain.errors import DomainError
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO

ACTOR: Final = "reconciliation"
# Payments asked about at a time, and in a second: other calls to the provider need room, too.
AT_ONCE_MAX: Final = 8
PER_SECOND_MAX: Final = 20
RUN_MAX: Final = timedelta(hours=12)
DIFFERENCES_KEPT_MAX: Final = 10_000
# Closed payments are compared for so long after their last change.
RECENT: Final = timedelta(days=2)

log = structlog.get_logger()


class PaymentRef(Protocol):
    """A payment and whose it is."""

    @property
    def payment_id(self) -> str:
        """Which."""
        ...

    @property
    def tenant_id(self) -> str:
        """Whose."""
        ...


@dataclass(slots=True, kw_only=True)
class Reconciliation:
    """What a run found.

    Attributes:
        compared: Payments whose books were looked at.
        nothing_to_compare: Payments of which no provider holds anything that can be asked about.
        failed: Payments about which the provider, or the event store, gave no answer.
        differences: Those found, up to ``DIFFERENCES_KEPT_MAX``; all are events.
        complete: Whether the run came to its end within ``RUN_MAX``.
    """

    compared: int = 0
    nothing_to_compare: int = 0
    failed: int = 0
    differences: list[Difference] = field(default_factory=list)
    complete: bool = True

    @property
    def agrees(self) -> bool:
        """Whether all was compared and no difference found."""
        return self.complete and not self.differences and not self.failed


async def reconcile(pages: AsyncIterator[Sequence[PaymentRef]], gateway: Gateway) -> Reconciliation:
    """Compare each payment with its provider and record the differences.

    Args:
        pages: Which payments.
        gateway: The services.
    """
    found = Reconciliation()
    loop = asyncio.get_running_loop()
    end_s = loop.time() + RUN_MAX.total_seconds()
    async for page in pages:
        for start in range(0, len(page), AT_ONCE_MAX):
            if loop.time() > end_s:
                found.complete = False
                return found
            some = page[start : start + AT_ONCE_MAX]
            room_s = loop.time() + len(some) / PER_SECOND_MAX
            await asyncio.gather(*(_compare(one, found, gateway) for one in some))
            await asyncio.sleep(max(0.0, room_s - loop.time()))
    return found


async def _compare(payment: PaymentRef, found: Reconciliation, gateway: Gateway) -> None:
    context = CommandContext(
        tenant_id=payment.tenant_id,
        actor=ACTOR,
        correlation_id=str(uuid4()),
        at=gateway.now(),
    )
    with logged_for(context, payment_id=payment.payment_id):
        await _compare_as(context, payment, found, gateway)


async def _compare_as(
    context: CommandContext, payment: PaymentRef, found: Reconciliation, gateway: Gateway
) -> None:
    try:
        differences = await reconcile_payment(PaymentIdVO(payment.payment_id), context, gateway)
    except (
        DomainError,
        EventStoreUnavailable,
        KeySourceUnavailable,
        SealBroken,
        StreamMoved,
    ) as error:
        found.failed += 1
        log.warning(
            "reconciliation.not_compared",
            payment_id=payment.payment_id,
            tenant_id=payment.tenant_id,
            error=type(error).__name__,
        )
        return
    if differences is None:
        found.nothing_to_compare += 1
        return
    found.compared += 1
    for one in differences:
        log.warning(
            "reconciliation.difference",
            payment_id=one.payment_id,
            tenant_id=one.tenant_id,
            subject=one.subject,
            ours=one.ours,
            theirs=one.theirs,
        )
        if len(found.differences) < DIFFERENCES_KEPT_MAX:
            found.differences.append(one)
