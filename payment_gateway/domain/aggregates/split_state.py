"""What is true of a split after its events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

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
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.split_id import SplitIdVO


class SplitStatus(StrEnum):
    """Where a split stands, as everyone outside sees it."""

    STARTED = "STARTED"  # not all of the first checkouts are open yet
    AWAITING_PAYER = "AWAITING_PAYER"
    COMPLETED = "COMPLETED"  # all parts hold their money
    COMPENSATING = "COMPENSATING"  # open parts are called off, taken ones given back
    REFUNDED = "REFUNDED"  # all that was taken was given back
    FAILED = "FAILED"  # nothing was taken
    NEEDS_OPERATOR = "NEEDS_OPERATOR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The state of one split.

    Attributes:
        phase: How far it has come; never ``NEEDS_OPERATOR``, see ``status``.
        is_released: Whether the part that cannot be refunded may be taken.
        is_refunding: Whether refunds may have been made; the split cannot complete any more.
        settle_until: When what is still open is put to an operator; ``None`` until it compensates.
        questions: What waits for a person: the part and why.
    """

    split_id: SplitIdVO
    tenant_id: str
    external_reference: str
    order_id: str
    amount: PaymentAmountVO
    parts: tuple[SplitPart, ...]
    pay_until: datetime
    phase: SplitStatus = SplitStatus.STARTED
    is_released: bool = False
    is_refunding: bool = False
    settle_until: datetime | None = None
    questions: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> SplitStatus:
        """Where it stands, as everyone outside sees it."""
        return SplitStatus.NEEDS_OPERATOR if self.questions else self.phase

    @property
    def is_paying(self) -> bool:
        """Whether the parts are still to be paid."""
        return self.phase in {SplitStatus.STARTED, SplitStatus.AWAITING_PAYER}

    @property
    def is_compensating(self) -> bool:
        """Whether the parts are being called off and given back."""
        return self.phase is SplitStatus.COMPENSATING

    @property
    def last_part(self) -> SplitPart | None:
        """The part that cannot be refunded, and so is taken last."""
        return next((part for part in self.parts if not part.refundable), None)


def fold(events: Iterable[SplitEvent]) -> Split | None:
    """Replay a history, oldest first; ``None`` for an empty one."""
    split: Split | None = None
    for event in events:
        split = evolve(split, event)
    return split


def evolve(split: Split | None, event: SplitEvent) -> Split:
    """Return the split after an event. Refuses nothing: what is recorded has happened."""
    if isinstance(event, SplitStartedEvent):
        return _started(event)
    assert split is not None, f"{type(event).__name__} before SplitStartedEvent"
    match event:
        case SplitAwaitingPayerEvent():
            return replace(split, phase=SplitStatus.AWAITING_PAYER)
        case SplitLastPartReleasedEvent():
            return replace(split, is_released=True)
        case SplitCompletedEvent():
            return replace(split, phase=SplitStatus.COMPLETED)
        case SplitCompensationStartedEvent():
            return replace(split, phase=SplitStatus.COMPENSATING, settle_until=event.settle_until)
        case SplitRefundsStartedEvent():
            return replace(split, is_refunding=True)
        case SplitRefundedEvent():
            return replace(split, phase=SplitStatus.REFUNDED)
        case SplitFailedEvent():
            return replace(split, phase=SplitStatus.FAILED)
        case SplitOperatorNeededEvent():
            return replace(split, questions={**split.questions, event.payment_id: event.reason})
        case SplitOperatorAnsweredEvent():
            left = {key: why for key, why in split.questions.items() if key != event.payment_id}
            return replace(split, questions=left)
        case _:
            assert_never(event)


def _started(event: SplitStartedEvent) -> Split:
    return Split(
        split_id=SplitIdVO(event.split_id),
        tenant_id=event.tenant_id,
        external_reference=event.external_reference,
        order_id=event.order_id,
        amount=PaymentAmountVO(event.amount_minor, event.currency),
        parts=event.parts,
        pay_until=event.pay_until,
    )
