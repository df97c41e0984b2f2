"""What is shown of an event's data: what was stored, without what is sealed or internal."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from payment_gateway.domain.events import DomainEvent
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.infrastructure.persistence.event_types import encode

# No name ever leaves this list: events of every version there was are shown. Sealed, or of use to the gateway alone: a provider's handle could be used to look into a checkout.
NOT_SHOWN: Final = frozenset(
    {
        "body",
        "envelope",
        "excerpt",
        "fingerprint",
        "handle",
        "keyHash",
        "paymentId",
        "personal",
        "sealedAnswer",
        "subjectId",
        "wrappedKey",
    }
)
_MINOR: Final = "Minor"


def event_data(event: DomainEvent, currency: str | None) -> dict[str, Any]:
    """Return the data of an event as it is shown: amounts as decimal texts, the currency beside them.

    Args:
        event: What happened.
        currency: Of the payment it happened to. Where it is not known, an event that does not name
            it either is shown with its amounts as stored, in minor units.
    """
    _, stored = encode(event)
    return stored_data(stored, currency)


def stored_data(stored: bytes, currency: str | None) -> dict[str, Any]:
    """Return the same of an event as it is stored, in whatever version that is."""
    return _shown(msgspec.json.decode(stored, type=dict[str, Any]), currency)


def _shown(fields: dict[str, Any], currency: str | None) -> dict[str, Any]:
    currency = fields.get("currency", currency)
    shown: dict[str, Any] = {}
    for name, value in fields.items():
        if name in NOT_SHOWN:
            continue
        if name.endswith(_MINOR) and currency is not None:
            amount = None if value is None else PaymentAmountVO(value, currency).decimal
            shown[name.removesuffix(_MINOR)] = amount
            shown["currency"] = currency
        elif isinstance(value, list):
            shown[name] = [_shown(one, currency) if isinstance(one, dict) else one for one in value]
        else:
            shown[name] = value
    return shown
