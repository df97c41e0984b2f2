"""Where a payment or a refund stands."""

from __future__ import annotations

from enum import StrEnum


class PaymentStatusVO(StrEnum):
    """Where a payment stands, as everyone outside sees it."""

    CREATED = "CREATED"  # intent stored, no checkout yet
    AWAITING_PAYER = "AWAITING_PAYER"
    PROCESSING = "PROCESSING"  # a capture is under way
    PENDING = "PENDING"  # the provider holds the money back
    COMPLETED = "COMPLETED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"
    DISPUTED = "DISPUTED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"  # the provider may have acted; it is being asked
    NEEDS_OPERATOR = "NEEDS_OPERATOR"

    @property
    def holds_money(self) -> bool:
        """Whether money was taken and not all of it given back."""
        return self in {
            PaymentStatusVO.COMPLETED,
            PaymentStatusVO.PARTIALLY_REFUNDED,
            PaymentStatusVO.DISPUTED,
        }

    @property
    def is_closed_unpaid(self) -> bool:
        """Whether the payment ended without money."""
        return self in {
            PaymentStatusVO.FAILED,
            PaymentStatusVO.CANCELLED,
            PaymentStatusVO.EXPIRED,
        }


class RefundStatusVO(StrEnum):
    """Where a refund stands."""

    REQUESTED = "REQUESTED"
    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
