"""Random identifiers in the styles the providers use."""

import secrets
import string

_UPPER_ALPHANUMERIC = string.ascii_uppercase + string.digits


def upper_alphanumeric(length: int) -> str:
    """Return ``length`` random characters of ``A-Z0-9``: PayPal's orders, captures and refunds have 17."""
    return "".join(secrets.choice(_UPPER_ALPHANUMERIC) for _ in range(length))


def digits(length: int) -> str:
    """Return a random number of exactly ``length`` digits, the first of which is not zero."""
    return str(secrets.randbelow(9 * 10 ** (length - 1)) + 10 ** (length - 1))


def hexadecimal(length: int) -> str:
    """Return ``length`` random lower-case hexadecimal digits: Pagadito's tokens have 32."""
    return secrets.token_hex((length + 1) // 2)[:length]
