"""The id of an order that is paid in parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

from payment_gateway.domain.errors import InvalidValue
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)

# Never changes: every split id ever given out follows from it.
_NAMESPACE: Final = UUID("6f3f4f0a-33b5-5d0e-8f3a-0c1b8d2a9e47")


@dataclass(frozen=True, slots=True)
class SplitIdVO:
    """A split's id: the UUIDv5 of the external reference number that its parts' numbers begin with.

    Raises:
        InvalidValue: Not a UUID in its canonical spelling.
    """

    value: str

    def __post_init__(self) -> None:
        try:
            canonical = str(UUID(self.value))
        except ValueError as error:
            raise InvalidValue("a split id is a UUID", param="splitId") from error
        if canonical != self.value:
            raise InvalidValue("a split id is a UUID in lower case", param="splitId")

    @classmethod
    def of(cls, number: ExternalReferenceNumberVO) -> SplitIdVO:
        """Return the id of the split that a number names."""
        return cls(str(uuid5(_NAMESPACE, number.value)))

    def __str__(self) -> str:
        return self.value
