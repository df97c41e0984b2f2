"""What Pagadito's transaction statuses mean, in our words.

Source: Pagadito's API documentation (WSPG/APIPG), "Estados de una transacción"; Pagadito's
WooCommerce plugin treats them alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from payment_gateway.application.ports import (
    AwaitingPayer,
    CancelledByPayer,
    Captured,
    Declined,
    Expired,
    Held,
    ProviderOutcomeUnknown,
    Standing,
)
from payment_gateway.domain.errors import InvalidValue
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.infrastructure.providers.wording import word


def standing(transaction: Mapping[str, Any], *, token: str, currency: str) -> Standing:
    """Say where a transaction stands.

    Args:
        transaction: The ``value`` of a status answer.
        token: The transaction's token; names the payment where Pagadito gives no reference.
        currency: What was asked to be paid in. Pagadito may charge in another currency; what it
            says of an amount is believed only in this one.

    Raises:
        ProviderOutcomeUnknown: A status that is not known here: never a failure.
    """
    reference = _reference(transaction.get("reference"))
    match transaction.get("status"):
        case "REGISTERED":
            return AwaitingPayer()
        case "COMPLETED":
            amount = _amount(transaction, currency=currency)
            return Captured(reference=reference or token, amount=amount)
        case "VERIFYING":
            return Held(reference=reference, reason="VERIFYING")
        case "REVOKED" | "FAILED" as status:
            return Declined(reason=status, recoverable=False)
        case "CANCELED":
            return CancelledByPayer()
        case "EXPIRED":
            return Expired()
        case status:
            raise ProviderOutcomeUnknown(f"get_status: status {word(status)}")


def _reference(value: Any) -> str | None:
    return (
        word(str(value)) if isinstance(value, int) and not isinstance(value, bool) else word(value)
    )


def _amount(transaction: Mapping[str, Any], *, currency: str) -> PaymentAmountVO | None:
    """Return what was paid, where Pagadito says so in the same currency; most answers do not."""
    value = transaction.get("amount")
    if transaction.get("currency") != currency or isinstance(value, bool):
        return None
    if not isinstance(value, str | int | Decimal):
        return None
    try:
        return PaymentAmountVO.parse(str(value), currency)
    except InvalidValue:
        return None
