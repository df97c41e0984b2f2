"""The number under which the merchant and the provider know a payment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from payment_gateway.domain.errors import InvalidValue

_PATTERN: Final = re.compile(r"ERN-[0-9]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ExternalReferenceNumberVO:
    """``ERN-`` and up to 40 digits, unique across tenants.

    Raises:
        InvalidValue: Another form.
    """

    value: str

    def __post_init__(self) -> None:
        if _PATTERN.fullmatch(self.value) is None:
            raise InvalidValue(
                "an external reference number is ERN- and 1 to 40 digits",
                param="externalReferenceNumber",
            )

    def for_attempt(self, attempt: int) -> str:
        """Return what a provider is told, a new text for each attempt.

        A provider may refuse a number it has seen before, so the second attempt of a
        payment adds its own count: ``ERN-7``, ``ERN-7-2``, ``ERN-7-3``.
        """
        return self.value if attempt == 1 else f"{self.value}-{attempt}"

    @classmethod
    def of_attempt(cls, text: str) -> ExternalReferenceNumberVO:
        """Return the payment's number from what a provider was told, see ``for_attempt``."""
        parts = text.split("-")
        return cls("-".join(parts[:2]))

    def __str__(self) -> str:
        return self.value
