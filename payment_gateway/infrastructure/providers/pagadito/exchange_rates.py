"""What Pagadito's rate for a currency is, read exactly.

Source: Pagadito's PHP library 1.5.2, ``get_exchange_rate``; integrators have seen the rate both as a
number and as a text.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

RATE_MAX: Final = Decimal(10**12)
DECIMALS_MAX: Final = 12
_NUMERIC: Final = re.compile(r"[0-9]{1,13}(\.[0-9]{1,12})?", re.ASCII)


def exchange_rate(value: Any) -> Decimal | None:
    """Return the rate; ``None`` for anything but a positive number within bounds.

    Args:
        value: As it came, JSON's decimals as ``Decimal``; or a text of digits with a point.
    """
    match value:
        case bool():
            return None
        case int() | Decimal():
            rate = Decimal(value)
        case str() if _NUMERIC.fullmatch(value):
            rate = Decimal(value)
        case _:
            return None
    if not rate.is_finite() or not 0 < rate <= RATE_MAX:
        return None
    exponent = rate.as_tuple().exponent
    return rate if isinstance(exponent, int) and exponent >= -DECIMALS_MAX else None
