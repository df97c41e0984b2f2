"""Pagadito's result codes and the words that go with them.

Source: Pagadito's WSPG documentation. Success messages end in a period on the wire; PG3001, PG3002 and PG3004
carry an acute accent where an apostrophe belongs.
"""

MESSAGES = {
    "PG1001": "Connection successful.",
    "PG1002": "Transaction register successful.",
    "PG1003": "Transaction status.",
    "PG1004": "Exchange Rate.",
    "PG2001": "Incomplete data",
    "PG2002": "Incorrect format data",
    "PG2003": "Invalid custom params",
    "PG3001": "Connection couldn\u00b4t be established",
    "PG3002": "We\u00b4re sorry. An error has occurred",
    "PG3003": "Unregistered transaction",
    "PG3004": "Transaction amount doesn\u00b4t match with calculated amount",
    "PG3005": "Connection is disabled",
    "PG3006": "Amount has exceeded the maximum",
    "PG3007": "Denied access",
    "PG3008": "Currency not supported",
    "PG3009": "Amount is lower than the minimum allowed",
    "PG3017": "Transaction belongs to another merchant",
    "PG3018": "You have already sent this ERN",
    "PG3025": "Cross-site scripting found on parameter",
}


class PagaditoRefusal(Exception):
    """A call that Pagadito refuses, with the code it answers."""

    def __init__(self, code: str) -> None:
        super().__init__(f"{code} {MESSAGES[code]}")
        self.code = code
