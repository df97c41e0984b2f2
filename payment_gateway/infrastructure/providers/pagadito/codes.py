"""What Pagadito's result codes and transaction statuses mean: each once.

Source: Pagadito's API documentation (WSPG/APIPG), "Códigos de respuesta" and "Estados de una
transacción"; the codes of success also from Pagadito's PHP library 1.5.2. PG2003, PG3017 and PG3023
are reported by integrators only.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final


class CodeClass(Enum):
    """What a code says about a call."""

    DONE = auto()  # it was carried out
    REFUSED = auto()  # the request or the account is at fault; nothing happened
    ABSENT = auto()  # there is no such transaction
    STALE_TOKEN = auto()  # the session token is used up or too old
    UNCLEAR = auto()  # an error inside, or an earlier request did it: ask


CONNECTED: Final = "PG1001"
REGISTERED: Final = "PG1002"
STATUS: Final = "PG1003"
EXCHANGE_RATE: Final = "PG1004"
CURRENCY_REFUSED: Final = "PG3008"

_CODES_BY_CLASS: Final[dict[CodeClass, tuple[str, ...]]] = {
    CodeClass.DONE: (
        CONNECTED,
        REGISTERED,
        STATUS,
        EXCHANGE_RATE,
        # of calls that are not made here
        *("PG1005", "PG1006", "PG1007", "PG1008", "PG1009", "PG1010", "PG1011"),
        *("PG1012", "PG1014", "PG1017", "PG1018"),
    ),
    CodeClass.REFUSED: (
        "PG2001",  # incomplete data
        "PG2002",  # incorrect format
        "PG2003",  # custom parameters
        "PG3001",  # no such account
        "PG3004",  # the details do not add up to the amount
        "PG3005",  # the account's connection is switched off
        "PG3006",  # more than the maximum
        CURRENCY_REFUSED,
        "PG3009",  # less than the minimum
        "PG3015",  # authorization token
        "PG3017",  # another merchant's transaction
        "PG3022",  # recurrent payments: more than the maximum
        "PG3023",  # custom parameters
        "PG3024",  # permissions
        "PG3025",  # the input filter saw a script
    ),
    CodeClass.ABSENT: ("PG3003",),
    CodeClass.STALE_TOKEN: ("PG3007",),
    CodeClass.UNCLEAR: (
        "PG3002",  # an error has occurred
        "PG3018",  # this reference number was sent before: an earlier request did arrive
    ),
}

CODES: Final[Mapping[str, CodeClass]] = {
    code: kind for kind, codes in _CODES_BY_CLASS.items() for code in codes
}
