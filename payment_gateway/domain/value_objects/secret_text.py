"""Text that must not be seen."""

from __future__ import annotations

import hmac
from typing import NoReturn


class SecretText:
    """A secret that prints as ``***`` and gives itself away only to ``reveal``."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """Return the clear text; hand it straight to whom it is for."""
        return self.__value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretText) and hmac.compare_digest(
            self.reveal().encode(), other.reveal().encode()
        )

    def __hash__(self) -> int:
        return hash(self.__value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")
