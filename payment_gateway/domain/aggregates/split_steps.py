"""What a split needs next, from where it and its payments stand.

Two points of no return keep it safe, and each is an event before anything is done:

* the part that cannot be refunded is opened only after ``SplitLastPartReleased``, and that only once
  every other part holds its money;
* money is given back only after ``SplitRefundsStarted``, and that only once the part that cannot be
  refunded can no longer be taken. From then on the split cannot complete any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from payment_gateway.domain.aggregates.payment_operator import REFUND_OPEN
from payment_gateway.domain.aggregates.payment_parts import NOT_SENT
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.aggregates.split import (
    AskOperator,
    AwaitPayer,
    CompleteSplit,
    EndCompensation,
    NoteAnswer,
    ReleaseLastPart,
    SplitProgress,
    StartCompensation,
    StartRefunds,
)
from payment_gateway.domain.aggregates.split_state import Split, SplitStatus
from payment_gateway.domain.events.split import SplitPart
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO, RefundStatusVO

# A compensation that is not over by then is put to an operator; it goes on all the same.
SETTLE_WITHIN: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class OpenPart:
    """Ask the part's provider for a checkout."""

    payment_id: str


@dataclass(frozen=True, slots=True)
class CancelPart:
    """Call the part off, so that it cannot be paid any more."""

    payment_id: str


@dataclass(frozen=True, slots=True)
class RefundPart:
    """Give back all that the part holds; ``refund_id`` is the same however often this is asked for."""

    payment_id: str
    refund_id: str


@dataclass(frozen=True, slots=True)
class RecordProgress:
    """Append to the split's own stream."""

    command: SplitProgress


Step = OpenPart | CancelPart | RefundPart | RecordProgress


def next_steps(split: Split, payments: Mapping[str, Payment], now: datetime) -> tuple[Step, ...]:
    """Return what can be done now, each step by itself; none where the split waits or has ended.

    Args:
        split: As read before its payments.
        payments: All of its payments by id.
        now: When this is asked, for the deadlines.
    """
    asked = _operator_steps(split, payments, now)
    if asked:
        return asked
    if split.is_paying:
        return _paying(split, payments, now)
    if split.is_compensating:
        return _compensating(split, payments)
    return ()


def _operator_steps(
    split: Split, payments: Mapping[str, Payment], now: datetime
) -> tuple[Step, ...]:
    steps: list[Step] = []
    for part in split.parts:
        reason = _question(split, part, payments, now)
        waits = part.payment_id in split.questions
        if reason is not None and not waits:
            ask = AskOperator(payment_id=part.payment_id, reason=reason)
            steps.append(RecordProgress(ask))
        elif reason is None and waits:
            steps.append(RecordProgress(NoteAnswer(payment_id=part.payment_id)))
    return tuple(steps)


def _question(
    split: Split, part: SplitPart, payments: Mapping[str, Payment], now: datetime
) -> str | None:
    """Return why a person is needed for a part; ``None`` where nobody is."""
    payment = payments[part.payment_id]
    if split.phase is SplitStatus.COMPLETED:
        return None  # whatever comes now is the payment's own affair
    if payment.status is PaymentStatusVO.NEEDS_OPERATOR or payment.questions:
        return "payment_needs_operator"
    if _has_late_money(payment):
        return "money_after_the_end"
    if split.is_paying or _is_empty(payment):
        return None
    if not split.is_compensating:
        return "money_after_the_end"
    if payment.status is PaymentStatusVO.DISPUTED:
        return "disputed"
    if payment.status.holds_money and not part.refundable and not _may_complete(split, payments):
        return "cannot_be_refunded"
    if _refund_was_refused(split, payment):
        return "refund_refused"
    assert split.settle_until is not None, "what compensates has a deadline"
    return "open_for_too_long" if now >= split.settle_until else None


def _paying(split: Split, payments: Mapping[str, Payment], now: datetime) -> tuple[Step, ...]:
    if all(_holds_for_sure(payment) for payment in payments.values()):
        return (RecordProgress(CompleteSplit()),)
    broken = next((one for one in payments.values() if _is_empty(one)), None)
    if broken is not None or now >= split.pay_until:
        compensation = StartCompensation(
            payment_id=broken.payment_id.value if broken else None,
            reason=broken.status.value.lower() if broken else "not_paid_in_time",
            settle_until=now + SETTLE_WITHIN,
        )
        return (RecordProgress(compensation),)
    first = [payments[part.payment_id] for part in split.parts if part.refundable]
    opening = tuple(OpenPart(one.payment_id.value) for one in first if one.is_idle)
    if opening:
        return opening
    asked = all(one.status is not PaymentStatusVO.CREATED for one in first)
    if split.phase is SplitStatus.STARTED and asked:
        return (RecordProgress(AwaitPayer()),)
    last = split.last_part
    if last is None or not all(_is_whole(one) for one in first):
        return ()
    if not split.is_released:
        return (RecordProgress(ReleaseLastPart(payment_id=last.payment_id)),)
    return (OpenPart(last.payment_id),) if payments[last.payment_id].is_idle else ()


def _compensating(split: Split, payments: Mapping[str, Payment]) -> tuple[Step, ...]:
    if _may_complete(split, payments):
        return (RecordProgress(CompleteSplit()),)
    if all(_is_empty(payment) for payment in payments.values()):
        refunded = any(one.status is PaymentStatusVO.REFUNDED for one in payments.values())
        return (RecordProgress(EndCompensation(refunded=refunded)),)
    cancelling = tuple(
        CancelPart(one.payment_id.value)
        for one in payments.values()
        if one.is_idle or one.status is PaymentStatusVO.AWAITING_PAYER
    )
    last = split.last_part
    if last is not None and not _is_empty(payments[last.payment_id]) and not split.is_refunding:
        return cancelling  # it may still be taken, and then the others must be
    holding = [
        payments[part.payment_id]
        for part in split.parts
        if part.refundable and payments[part.payment_id].status.holds_money
    ]
    if holding and not split.is_refunding:
        return (*cancelling, RecordProgress(StartRefunds()))
    refunds = tuple(step for one in holding if (step := _refund(split, one)) is not None)
    return (*cancelling, *refunds)


def _may_complete(split: Split, payments: Mapping[str, Payment]) -> bool:
    return not split.is_refunding and all(_is_whole(one) for one in payments.values())


def _refund(split: Split, payment: Payment) -> RefundPart | None:
    """Return the refund of what a part holds; ``None`` while one is under way or was refused."""
    if payment.status is PaymentStatusVO.DISPUTED or payment.refundable.amount_minor == 0:
        return None
    refund_id = _refund_id(split, payment)
    known = payment.refunds.get(refund_id)
    if known is not None and known.failure != NOT_SENT:
        return None
    return RefundPart(payment.payment_id.value, refund_id)


def _refund_was_refused(split: Split, payment: Payment) -> bool:
    known = payment.refunds.get(_refund_id(split, payment))
    failed = known is not None and known.status is RefundStatusVO.FAILED
    return failed and known is not None and known.failure != NOT_SENT


def _refund_id(split: Split, payment: Payment) -> str:
    """Return the id of the refund that is next: the first that has not given anything back."""
    ids = (f"split-{split.split_id}-{n}" for n in range(1, len(payment.refunds) + 2))
    return next(
        one
        for one in ids
        if one not in payment.refunds or payment.refunds[one].status is not RefundStatusVO.COMPLETED
    )


def _is_whole(payment: Payment) -> bool:
    """Whether a part holds all of its money, and nothing is about to change that."""
    return payment.status is PaymentStatusVO.COMPLETED and _holds_for_sure(payment)


def _holds_for_sure(payment: Payment) -> bool:
    """Whether a part holds money, and no refund that the shop asked for is still to turn out."""
    refunding = any(refund.status in REFUND_OPEN for refund in payment.refunds.values())
    return payment.status.holds_money and not refunding


def _is_empty(payment: Payment) -> bool:
    """Whether a part holds no money and never will."""
    ended = payment.status.is_closed_unpaid or payment.status is PaymentStatusVO.REFUNDED
    return ended and not _has_late_money(payment)


def _has_late_money(payment: Payment) -> bool:
    """Whether the provider took money after it had said that it would not, or took it again."""
    return any(fact in {"completed", "pending"} for fact, _ in payment.late_facts)
