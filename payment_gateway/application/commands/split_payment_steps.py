"""Carry a split on: do what its state calls for, until it waits or has ended.

Every step may be done again after a crash: opening, cancelling and refunding a payment are decided by
the payment's own stream, and a refund has an id that follows from the split.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, assert_never

import structlog

from payment_gateway.application.commands.cancel_payment import cancel_payment
from payment_gateway.application.commands.open_checkout import open_checkout
from payment_gateway.application.commands.refund_payment import refund_payment
from payment_gateway.application.commands.show_split import SplitView, show_split
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.aggregates.split import SplitProgress
from payment_gateway.domain.aggregates.split_steps import (
    CancelPart,
    OpenPart,
    RecordProgress,
    RefundPart,
    Step,
    next_steps,
)
from payment_gateway.domain.errors import DomainError, PaymentFailedError, RefundFailed
from payment_gateway.domain.events.split import SplitOperatorNeededEvent
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.split_id import SplitIdVO

# A split goes through fewer: open, await, release, open, compensate, cancel, refund, end, questions.
ROUNDS_MAX: Final = 20
REASON: Final = "the order was not paid in full"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Advanced:
    """A split as far as it could be carried on.

    Attributes:
        learned: How many steps changed something.
        is_stuck: Whether a step could not be done now and has to be tried again.
    """

    view: SplitView
    learned: int
    is_stuck: bool


async def advance_split(split_id: SplitIdVO, context: CommandContext, gateway: Gateway) -> Advanced:
    """Do one round of steps after the other until none is left that can be done now.

    Raises:
        SplitNotFound: None of this tenant has that id.
        EventStoreUnavailable: No answer; asking again is safe.
        StreamMoved: Lost too many races; asking again is safe.
        SealBroken: The tenant's credentials do not open.
    """
    undone: set[Step] = set()
    learned = 0
    for _ in range(ROUNDS_MAX):
        view = await show_split(split_id, tenant_id=context.tenant_id, gateway=gateway)
        steps = [
            step for step in next_steps(view.split, view.payments, context.at) if step not in undone
        ]
        if not steps:
            return Advanced(view=view, learned=learned, is_stuck=bool(undone))
        done = await asyncio.gather(*(_try(step, view, context, gateway) for step in steps))
        undone |= {step for step, was_done in zip(steps, done, strict=True) if not was_done}
        learned += sum(done)
    view = await show_split(split_id, tenant_id=context.tenant_id, gateway=gateway)
    return Advanced(view=view, learned=learned, is_stuck=True)


async def _try(step: Step, view: SplitView, context: CommandContext, gateway: Gateway) -> bool:
    """Do a step and return whether it changed anything."""
    try:
        return await _carry_out(step, view, context, gateway)
    except (PaymentFailedError, RefundFailed):  # the provider's no is recorded
        return True
    except DomainError as error:
        log.info(
            "split.step_not_done",
            split_id=view.split.split_id.value,
            tenant_id=view.split.tenant_id,
            step=type(step).__name__,
            error=error.code,
        )
        return False


async def _carry_out(
    step: Step, view: SplitView, context: CommandContext, gateway: Gateway
) -> bool:
    match step:
        case OpenPart():
            return await _open(PaymentIdVO(step.payment_id), context, gateway)
        case CancelPart():
            payment_id = PaymentIdVO(step.payment_id)
            return bool((await cancel_payment(payment_id, REASON, context, gateway)).events)
        case RefundPart():
            refunded = await refund_payment(
                PaymentIdVO(step.payment_id),
                refund_id=step.refund_id,
                amount=None,
                reason=REASON,
                context=context,
                gateway=gateway,
            )
            return bool(refunded.events)
        case RecordProgress():
            return await _record(step.command, view, context, gateway)
        case _:
            assert_never(step)


async def _record(
    command: SplitProgress, view: SplitView, context: CommandContext, gateway: Gateway
) -> bool:
    split_id = view.split.split_id
    recorded = await gateway.splits.execute(split_id, command, context=context, after=view.loaded)
    for event in recorded.events:
        if isinstance(event, SplitOperatorNeededEvent):
            log.warning(
                "split.operator_needed",
                split_id=split_id.value,
                tenant_id=view.split.tenant_id,
                payment_id=event.payment_id,
                reason=event.reason,
            )
    return bool(recorded.events)


async def _open(payment_id: PaymentIdVO, context: CommandContext, gateway: Gateway) -> bool:
    found = await gateway.payments.find(payment_id, tenant_id=context.tenant_id)
    provider = await gateway.credentials.open(
        found.payment.provider, tenant_id=found.payment.tenant_id
    )
    return bool((await open_checkout(found.unchanged, provider, context, gateway)).events)
