"""Text on its way to a provider and back: what they refuse is taken out, what they say is checked."""

from __future__ import annotations

import re
from typing import Any, Final

from payment_gateway.domain.errors import InvalidValue
from payment_gateway.domain.value_objects.payment_details import check_web_address

_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}", re.ASCII)
_NAMELESS_ITEM: Final = "Item"


def one_line(text: str, *, length_max: int, without: str = "") -> str:
    """Return a text as one line of printable characters, cut to ``length_max`` of them.

    Args:
        text: As the order service gave it.
        length_max: What the provider takes.
        without: Characters that the provider's input filter takes offence at.
    """
    printable = (
        letter if letter.isprintable() and letter not in without else " " for letter in text
    )
    return " ".join("".join(printable).split())[:length_max].rstrip()


def item_name(description: str, *, length_max: int, without: str = "") -> str:
    """Return a line's description as ``one_line``; never empty, which no provider takes."""
    return one_line(description, length_max=length_max, without=without) or _NAMELESS_ITEM


def word(value: Any) -> str | None:
    """Return an identifier, code or status as a provider gives them; ``None`` if it is none.

    What passes can be stored, logged and put into a URL.
    """
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def checkout_address(value: Any) -> str | None:
    """Return the address of a payment page; ``None`` if it is nothing a browser should be sent to."""
    if not isinstance(value, str):
        return None
    try:
        check_web_address(value, param="checkoutUrl")
    except InvalidValue:
        return None
    return value
