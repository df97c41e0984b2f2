"""Keeps out of log lines what must not be seen, by its type, by its name, and by what it looks like.

Nobody should hand such a thing to a log, and no line is written with one on purpose. This is what stands
behind that: an exception of a library may quote an address with a password in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from pydantic import SecretBytes, SecretStr
from structlog.typing import EventDict

from payment_gateway.domain.value_objects.secret_text import SecretText

HIDDEN: Final = "***"
# Deeper than anything that is logged; what is deeper is not shown.
DEPTH_MAX: Final = 6

_HIDDEN_TYPES: Final = (SecretText, SecretStr, SecretBytes, bytes, bytearray, memoryview)
# As fields are called, without what stands between their words.
_HIDDEN_NAMES: Final = frozenset(
    {
        "accesstoken", "apikey", "authorization", "clientsecret", "cookie", "credentials", "customer",
        "customparams", "password", "pin", "refreshtoken", "secret", "secrets", "setcookie", "wsk",
    }
)  # fmt: skip
_BETWEEN_WORDS: Final = re.compile(r"[_\-. ]")
# What each begins with or holds, looked for first since nearly no line has any, and what is hidden.
_SHAPES: Final = (
    # A key as PEM, to its end or to the end of the text.
    (
        "PRIVATE KEY",
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
            re.DOTALL,
        ),
    ),
    ("earer ", re.compile(r"(?<=\b[Bb]earer )[\w.~+/=-]{8,}")),
    ("asic ", re.compile(r"(?<=\b[Bb]asic )[\w+/=-]{8,}")),
    ("gw_", re.compile(r"\bgw_(?:live|test)_\w{16,}")),
    ("whsec_", re.compile(r"\bwhsec_[\w+/=-]{16,}")),
    (".ey", re.compile(r"\bey[\w-]{8,}\.ey[\w-]{8,}\.[\w-]*")),  # a JSON web token
    # User and password in an address.
    ("@", re.compile(r"(?<=://)[^\s/@:\"']*:[^\s/@\"']+(?=@)")),
    # An e-mail address.
    ("@", re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")),
)
# A card number, also in groups. What ends a longer word, as an external reference does, is none.
_CARD: Final = re.compile(r"(?<![\w-])[2-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{1,7}(?![\w-])")
_CARD_DIGITS_MIN: Final = 13
_NAMES_KNOWN_MAX: Final = 1_024


def redact(_: Any, __: str, event: EventDict) -> EventDict:
    """Return a log line without what must not be seen; a processor of structlog."""
    return {name: _field(name, value, DEPTH_MAX) for name, value in event.items()}


def masked(text: str) -> str:
    """Return a text without what looks like a key, a password, an e-mail address or a card number."""
    for mark, shape in _SHAPES:
        if mark in text:
            text = shape.sub(HIDDEN, text)
    return text if len(text) < _CARD_DIGITS_MIN else _CARD.sub(_masked_card, text)


def _field(name: object, value: object, depth: int) -> object:
    if isinstance(name, str) and _is_hidden(name):
        return HIDDEN
    return _value(value, depth)


@lru_cache(_NAMES_KNOWN_MAX)
def _is_hidden(name: str) -> bool:
    return _BETWEEN_WORDS.sub("", name).lower() in _HIDDEN_NAMES


def _value(value: object, depth: int) -> object:
    if isinstance(value, _HIDDEN_TYPES):
        return HIDDEN
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return masked(value)
    if depth == 0:
        return HIDDEN
    if isinstance(value, Mapping):
        return {masked(str(name)): _field(name, one, depth - 1) for name, one in value.items()}
    if isinstance(value, Sequence | set | frozenset):
        return [_value(one, depth - 1) for one in value]
    return masked(repr(value))


def _masked_card(found: re.Match[str]) -> str:
    digits = [int(one) for one in found[0] if one.isdigit()]
    return HIDDEN if _passes_luhn(digits) else found[0]


def _passes_luhn(digits: Sequence[int]) -> bool:
    """Tell whether the last digit is the check digit of those before it (ISO/IEC 7812-1, annex B)."""
    doubled = (sum(divmod(2 * one, 10)) for one in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
