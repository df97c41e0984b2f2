"""Reading a request to register a charge, in the order in which Pagadito finds fault with it.

Source: Pagadito's PHP library (parameters) and WSPG documentation (codes); the order of the checks is not
documented.
"""

import re
from decimal import Decimal
from typing import Any

import msgspec

from sandbox.providers.pagadito.codes import PagaditoRefusal
from sandbox.providers.pagadito.model import LineItem
from sandbox.providers.pagadito.rules import PagaditoRules

LINES_MAX = 1_000
CUSTOM_PARAMS = frozenset(f"param{number}" for number in range(1, 6))
NUMBER_LENGTH_MAX = 14  # a product of two is still exact in Python's default 28 digits

# More than two decimals are refused: no currency of Pagadito has them, and what it would do with them is unknown.
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]{1,2})?", re.ASCII)
_MARKUP = re.compile(r"<\s*/?\s*[a-z!]|javascript:", re.IGNORECASE)
_exact = msgspec.json.Decoder(float_hook=Decimal)


class ChargeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A well-formed request; whether it may be registered is another question."""

    ern: str
    amount: Decimal
    currency: str
    details: list[LineItem]
    custom_params: dict[str, str]
    allow_pending: bool
    extended: bool


def read_json_text(text: str) -> Any:
    """Return what a JSON text says, numbers with a point as exact decimals.

    Raises:
        PagaditoRefusal: PG2002, it is no JSON.
    """
    try:
        return _exact.decode(text)
    except msgspec.DecodeError as error:
        raise PagaditoRefusal("PG2002") from error


def read_charge(
    *,
    ern: str,
    amount: Any,
    currency: str,
    details: Any,
    custom_params: Any,
    allow_pending: bool,
    extended: bool,
    rules: PagaditoRules,
) -> ChargeRequest:
    """Read a charge from decoded values.

    Raises:
        PagaditoRefusal: PG2002 something has the wrong form, PG3025 something looks like markup, PG2003 the
            custom parameters are not five strings at most.
    """
    if len(ern) > rules.ern_length_max:
        raise PagaditoRefusal("PG2002")
    if not isinstance(details, list) or not 1 <= len(details) <= LINES_MAX:
        raise PagaditoRefusal("PG2002")
    total = _number(amount)
    lines = [_line(entry) for entry in details]
    params = _custom_params(custom_params)
    texts = [ern, *params.values(), *(line.description for line in lines)]
    if any(_MARKUP.search(text) for text in texts):
        raise PagaditoRefusal("PG3025")
    return ChargeRequest(
        ern=ern,
        amount=total,
        currency=currency,
        details=lines,
        custom_params=params,
        allow_pending=allow_pending,
        extended=extended,
    )


def _line(entry: Any) -> LineItem:
    if not isinstance(entry, dict):
        raise PagaditoRefusal("PG2002")
    description, url = entry.get("description"), entry.get("url_product", "")
    if not isinstance(description, str) or not isinstance(url, str):
        raise PagaditoRefusal("PG2002")
    quantity = _number(entry.get("quantity"))
    if quantity <= 0:
        raise PagaditoRefusal("PG2002")
    return LineItem(
        quantity=quantity,
        description=description,
        price=_number(entry.get("price")),
        url_product=url,
    )


def _number(value: Any) -> Decimal:
    """Return a number that arrived as a JSON number or as text."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal, str)):
        raise PagaditoRefusal("PG2002")
    # Written out, a number such as 1e9999999 would fill the memory.
    if isinstance(value, Decimal) and abs(value.adjusted()) > NUMBER_LENGTH_MAX:
        raise PagaditoRefusal("PG2002")
    text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    if len(text) > NUMBER_LENGTH_MAX or _NUMBER.fullmatch(text) is None:
        raise PagaditoRefusal("PG2002")
    return Decimal(text)


def _custom_params(value: Any) -> dict[str, str]:
    if value in (None, []):  # the PHP library sends an empty array for none
        return {}
    if not isinstance(value, dict) or not value.keys() <= CUSTOM_PARAMS:
        raise PagaditoRefusal("PG2003")
    if not all(isinstance(text, str) for text in value.values()):
        raise PagaditoRefusal("PG2003")
    return value
