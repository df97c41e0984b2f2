"""What Pagadito is sent: the form of a charge.

Source: Pagadito's PHP library 1.5.2, ``exec_trans``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from payment_gateway.application.ports import CheckoutRequest
from payment_gateway.domain.errors import InvalidValue
from payment_gateway.domain.value_objects.payment_details import PaymentDetailVO
from payment_gateway.infrastructure.providers.wording import item_name

# Source: Pagadito's PHP library 1.5.2. All of them have two decimals.
CURRENCIES: Final = frozenset({"CRC", "DOP", "GTQ", "HNL", "NIO", "PAB", "USD"})
# Integrators report that longer and multi-line descriptions fail, and that Pagadito's filter
# against scripts (PG3025) can block a product's name.
DESCRIPTION_LENGTH_MAX: Final = 150
_FILTERED: Final = "<>\"'`\\"

_details = msgspec.json.Encoder(decimal_format="number")


def check_checkout(request: CheckoutRequest) -> None:
    """Refuse what Pagadito would refuse.

    Raises:
        InvalidValue: A currency Pagadito does not take.
    """
    if request.amount.currency not in CURRENCIES:
        raise InvalidValue(f"Pagadito does not take {request.amount.currency}", param="currency")


def charge_fields(request: CheckoutRequest) -> dict[str, str]:
    """Return the fields of ``exec_trans`` beside the session token."""
    return {
        "ern": request.reference_number,
        "amount": request.amount.decimal,
        "details": _details.encode([_detail(line) for line in request.lines]).decode(),
        "custom_params": "[]",
        "currency": request.amount.currency,
        "allow_pending_payments": "true" if request.allow_pending else "false",
    }


def _detail(line: PaymentDetailVO) -> dict[str, Any]:
    description = item_name(line.description, length_max=DESCRIPTION_LENGTH_MAX, without=_FILTERED)
    return {
        "quantity": line.quantity,
        "description": description,
        "price": Decimal(line.price.decimal),
        "url_product": line.url_product or "",
    }
