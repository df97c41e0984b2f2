"""What can have happened to an order that is paid in parts. The parts' money is in their own streams."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPart:
    """One payment of a split, as stored inside ``SplitStartedEvent``.

    Attributes:
        refundable: Whether its provider can give money back; where not, it is taken last.
    """

    payment_id: str
    provider: str
    amount_minor: int
    refundable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitStartedEvent:
    """An order is to be paid in parts; the parts' payments are stored, nobody was asked to pay yet.

    Attributes:
        pay_until: Parts that are not paid by then are called off.
    """

    split_id: str
    tenant_id: str
    external_reference: str
    order_id: str
    amount_minor: int
    currency: str
    parts: tuple[SplitPart, ...]
    pay_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitAwaitingPayerEvent:
    """Every part that may be taken first was put to its provider."""

    split_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitLastPartReleasedEvent:
    """All parts that can be refunded hold their money, so the one that cannot may be taken."""

    split_id: str
    payment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitCompletedEvent:
    """All parts hold their money."""

    split_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitCompensationStartedEvent:
    """The order will not be paid as agreed: what is open is called off.

    Attributes:
        payment_id: The part at fault; ``None`` where the time ran out.
        reason: ``failed``, ``cancelled``, ``expired`` or ``refunded``, as that part is; or
            ``not_paid_in_time``.
        settle_until: What is still open then is put to an operator.
    """

    split_id: str
    payment_id: str | None
    reason: str
    settle_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRefundsStartedEvent:
    """No part that cannot be refunded can be taken any more: what was taken is given back."""

    split_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRefundedEvent:
    """Some parts were taken, and all of that was given back."""

    split_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitFailedEvent:
    """It ended before any part was taken."""

    split_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitOperatorNeededEvent:
    """Something about a part has to be settled by a person."""

    split_id: str
    payment_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitOperatorAnsweredEvent:
    """What a person was needed for about a part is settled."""

    split_id: str
    payment_id: str


SplitEvent = (
    SplitStartedEvent
    | SplitAwaitingPayerEvent
    | SplitLastPartReleasedEvent
    | SplitCompletedEvent
    | SplitCompensationStartedEvent
    | SplitRefundsStartedEvent
    | SplitRefundedEvent
    | SplitFailedEvent
    | SplitOperatorNeededEvent
    | SplitOperatorAnsweredEvent
)
