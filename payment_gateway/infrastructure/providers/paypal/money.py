"""How PayPal writes amounts, and which currencies it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from payment_gateway.domain.errors import InvalidAmountError, InvalidValue
from payment_gateway.domain.value_objects.currency import EXPONENT
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO

# Source: PayPal, "Currency codes". No decimals allowed, though ISO 4217 gives HUF and TWD two.
WITHOUT_DECIMALS: Final = frozenset({"HUF", "JPY", "TWD"})
# Source: the same page. BRL, CNY and MYR only work within their country.
CURRENCIES: Final = WITHOUT_DECIMALS | {
    *("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "ILS", "MXN", "MYR"),
    *("NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "USD"),
}


def check_amount(amount: PaymentAmountVO, *, param: str) -> None:
    """Refuse an amount that PayPal would refuse.

    Raises:
        InvalidValue: PayPal does not take the currency.
        InvalidAmountError: A fraction of a currency that PayPal takes in whole units only.
    """
    if amount.currency not in CURRENCIES:
        raise InvalidValue(f"PayPal does not take {amount.currency}", param="currency")
    if amount.currency in WITHOUT_DECIMALS and amount.amount_minor % _minor_per_unit(amount):
        raise InvalidAmountError(f"PayPal takes {amount.currency} in whole units only", param=param)


def money(amount: PaymentAmountVO) -> dict[str, str]:
    """Return PayPal's money object of an amount that ``check_amount`` accepts."""
    whole = amount.currency in WITHOUT_DECIMALS
    value = str(amount.amount_minor // _minor_per_unit(amount)) if whole else amount.decimal
    return {"currency_code": amount.currency, "value": value}


def read_money(value: Any) -> PaymentAmountVO | None:
    """Return the amount of PayPal's money object; ``None`` if it is none."""
    if not isinstance(value, Mapping):
        return None
    currency, text = value.get("currency_code"), value.get("value")
    if not isinstance(currency, str) or not isinstance(text, str):
        return None
    try:
        return PaymentAmountVO.parse(text, currency)
    except InvalidValue:
        return None


def _minor_per_unit(amount: PaymentAmountVO) -> int:
    return int(10 ** EXPONENT[amount.currency])
