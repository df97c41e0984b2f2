"""The Split aggregate: an order whose payments stand or fall together.

Starting one may be refused. All other commands are the saga's own: one that no longer fits, because
another process was quicker, changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from payment_gateway.domain.aggregates.split_state import Split, SplitStatus
from payment_gateway.domain.errors import (
    ExternalReferenceInUse,
    InvalidValue,
    PartsDoNotAddUp,
    SplitNotFound,
    SplitNotRefundable,
)
from payment_gateway.domain.events.split import (
    SplitAwaitingPayerEvent,
    SplitCompensationStartedEvent,
    SplitCompletedEvent,
    SplitEvent,
    SplitFailedEvent,
    SplitLastPartReleasedEvent,
    SplitOperatorAnsweredEvent,
    SplitOperatorNeededEvent,
    SplitPart,
    SplitRefundedEvent,
    SplitRefundsStartedEvent,
    SplitStartedEvent,
)
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.split_id import SplitIdVO
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO

PARTS_MIN: Final = 2
PARTS_MAX: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class StartSplit:
    """Take on an order that is to be paid in these parts by that time."""

    split_id: SplitIdVO
    tenant_id: TenantIdVO
    external_reference: ExternalReferenceNumberVO
    order_id: str
    amount: PaymentAmountVO
    parts: tuple[SplitPart, ...]
    pay_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitPayer:
    """Every part that may be taken first was put to its provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseLastPart:
    """Let the part be taken that cannot be refunded."""

    payment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteSplit:
    """All parts hold their money."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCompensation:
    """Give the order up."""

    payment_id: str | None
    reason: str
    settle_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRefunds:
    """From here on what was taken is given back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndCompensation:
    """No part holds money any more; ``refunded`` where one did."""

    refunded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOperator:
    """A person has to settle something about a part."""

    payment_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteAnswer:
    """What a person was needed for about a part is settled."""

    payment_id: str


SplitProgress = (
    AwaitPayer
    | ReleaseLastPart
    | CompleteSplit
    | StartCompensation
    | StartRefunds
    | EndCompensation
    | AskOperator
    | NoteAnswer
)
SplitCommand = StartSplit | SplitProgress


def decide(command: SplitCommand, split: Split | None) -> list[SplitEvent]:
    """Return what a command causes.

    Raises:
        InvalidValue: ``StartSplit`` with too few or too many parts.
        PartsDoNotAddUp: ``StartSplit`` whose parts make another amount.
        SplitNotRefundable: ``StartSplit`` with more than one part that cannot be refunded.
        ExternalReferenceInUse: ``StartSplit`` with a number that names another split.
        SplitNotFound: Any other command on a split of which nothing is recorded.
    """
    if isinstance(command, StartSplit):
        return _start(command, split)
    if split is None:
        raise SplitNotFound
    if isinstance(command, AskOperator | NoteAnswer):
        return _ask(command, split)
    return _go_on(command, split)


def _start(command: StartSplit, split: Split | None) -> list[SplitEvent]:
    if not PARTS_MIN <= len(command.parts) <= PARTS_MAX:
        raise InvalidValue(f"a split has {PARTS_MIN} to {PARTS_MAX} parts", param="parts")
    total = sum(part.amount_minor for part in command.parts)
    if total != command.amount.amount_minor:
        made = PaymentAmountVO(total, command.amount.currency)
        raise PartsDoNotAddUp(total=str(made), amount=str(command.amount))
    final = [part.provider for part in command.parts if not part.refundable]
    if len(final) > 1:
        raise SplitNotRefundable(tuple(final))
    if split is not None:
        raise ExternalReferenceInUse
    return [
        SplitStartedEvent(
            split_id=command.split_id.value,
            tenant_id=command.tenant_id.value,
            external_reference=command.external_reference.value,
            order_id=command.order_id,
            amount_minor=command.amount.amount_minor,
            currency=command.amount.currency,
            parts=command.parts,
            pay_until=command.pay_until,
        )
    ]


def _go_on(
    command: AwaitPayer
    | ReleaseLastPart
    | CompleteSplit
    | StartCompensation
    | StartRefunds
    | EndCompensation,
    split: Split,
) -> list[SplitEvent]:
    split_id = split.split_id.value
    match command:
        case AwaitPayer() if split.phase is SplitStatus.STARTED:
            return [SplitAwaitingPayerEvent(split_id=split_id)]
        case ReleaseLastPart() if split.is_paying and not split.is_released:
            return [SplitLastPartReleasedEvent(split_id=split_id, payment_id=command.payment_id)]
        # A refund that was made can make the order incomplete after the parts were looked at.
        case CompleteSplit() if split.is_paying or (
            split.is_compensating and not split.is_refunding
        ):
            return [SplitCompletedEvent(split_id=split_id)]
        case StartCompensation() if split.is_paying:
            return [
                SplitCompensationStartedEvent(
                    split_id=split_id,
                    payment_id=command.payment_id,
                    reason=command.reason,
                    settle_until=command.settle_until,
                )
            ]
        case StartRefunds() if split.is_compensating and not split.is_refunding:
            return [SplitRefundsStartedEvent(split_id=split_id)]
        case EndCompensation() if split.is_compensating:
            ended = SplitRefundedEvent if command.refunded else SplitFailedEvent
            return [ended(split_id=split_id)]
        case _:
            return []


def _ask(command: AskOperator | NoteAnswer, split: Split) -> list[SplitEvent]:
    split_id = split.split_id.value
    asked = command.payment_id in split.questions
    match command:
        case AskOperator():
            if asked:
                return []
            return [
                SplitOperatorNeededEvent(
                    split_id=split_id, payment_id=command.payment_id, reason=command.reason
                )
            ]
        case NoteAnswer():
            if not asked:
                return []
            return [SplitOperatorAnsweredEvent(split_id=split_id, payment_id=command.payment_id)]
        case _:
            assert_never(command)
