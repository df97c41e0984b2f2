"""What a payment's state is made of: an attempt, a checkout, a refund."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_status import RefundStatusVO

# The reason of an attempt or a refund that never left for the provider: it may be tried again.
NOT_SENT: Final = "not_sent"
REFUSED: Final = "refused"
# The proof of an attempt at a provider that the payment cannot be given to: nothing was sent.
NOT_ASKED: Final = "not_asked"
# A provider that one of these is known of is not asked again.
FINAL_PROOFS: Final = frozenset({REFUSED, NOT_ASKED})
# Of an attempt that ended with one of these the provider never heard.
NOTHING_SENT: Final = frozenset({NOT_SENT, NOT_ASKED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One provider being asked for a checkout; ``is_open`` until its answer is recorded."""

    attempt_id: str
    number: int
    provider: str
    reference_number: str
    handle: str | None
    is_open: bool
    credential_version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """The provider's page where the payer can pay."""

    provider_order_id: str
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money that was asked back; reserved unless it ``FAILED``."""

    refund_id: str
    amount: PaymentAmountVO
    status: RefundStatusVO
    reason: str | None
    provider_reference: str | None = None
    failure: str | None = None
