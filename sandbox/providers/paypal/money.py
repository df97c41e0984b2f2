"""PayPal's rules for amounts.

Source: PayPal OpenAPI ``checkout_orders_v2.json`` (``money``) and PayPal's list of supported currencies.
"""

import re
from decimal import ROUND_HALF_UP, Decimal

VALUE_LENGTH_MAX = 32
VALUE_PATTERN = re.compile(r"((-?[0-9]+)|(-?([0-9]+)?[.][0-9]+))", re.ASCII)
VALUE_MAX = Decimal("999999999999999.99")

# ISO 4217 gives HUF and TWD two decimals; PayPal takes none.
WITHOUT_DECIMALS = frozenset({"HUF", "JPY", "TWD"})
SUPPORTED = WITHOUT_DECIMALS | frozenset(
    [
        "AUD",
        "BRL",
        "CAD",
        "CNY",
        "CZK",
        "DKK",
        "EUR",
        "HKD",
        "ILS",
        "MYR",
        "MXN",
        "NZD",
        "NOK",
        "PHP",
        "PLN",
        "GBP",
        "SGD",
        "SEK",
        "CHF",
        "THB",
        "USD",
    ]
)


def decimals(currency: str) -> int:
    """Return how many decimals an amount in this currency has."""
    return 0 if currency in WITHOUT_DECIMALS else 2


def too_precise(amount: Decimal, currency: str) -> bool:
    """Say whether the amount has decimals that its currency has not; trailing zeros count as written."""
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int), "VALUE_PATTERN admits finite numbers only"
    return -exponent > decimals(currency)


def canonical(amount: Decimal, currency: str) -> str:
    """Return the amount as PayPal writes it: exactly the currency's decimals."""
    return f"{amount:.{decimals(currency)}f}"


def money(amount: Decimal, currency: str) -> dict[str, str]:
    """Return PayPal's money object."""
    return {"currency_code": currency, "value": canonical(amount, currency)}


def fee(amount: Decimal, currency: str, *, percent: Decimal, fixed: Decimal) -> Decimal:
    """Return the provider's fee, rounded half up to the currency's decimals, at most the amount."""
    unit = Decimal(1).scaleb(-decimals(currency))
    charged = (amount * percent / 100 + fixed).quantize(unit, rounding=ROUND_HALF_UP)
    return min(charged, amount)
