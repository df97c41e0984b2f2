"""The id of a payment, which is its external reference number in another form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

from payment_gateway.domain.errors import InvalidValue
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)

# Never changes: every payment id ever given out follows from it.
_NAMESPACE: Final = UUID("8d0b6c0e-5d0a-5f6b-9d9e-6f2b1f1b7a10")


@dataclass(frozen=True, slots=True)
class PaymentIdVO:
    """A payment's id: the UUIDv5 of its external reference number.

    One number is one id and so one stream, across all tenants, with no second write to
    hold a number's place.

    Raises:
        InvalidValue: Not a UUID in its canonical spelling.
    """

    value: str

    def __post_init__(self) -> None:
        try:
            canonical = str(UUID(self.value))
        except ValueError as error:
            raise InvalidValue("a payment id is a UUID", param="paymentId") from error
        if canonical != self.value:
            raise InvalidValue("a payment id is a UUID in lower case", param="paymentId")

    @classmethod
    def of(cls, number: ExternalReferenceNumberVO) -> PaymentIdVO:
        """Return the id of the payment that a number names."""
        return cls(str(uuid5(_NAMESPACE, number.value)))

    def derive(self, purpose: str) -> str:
        """Return the id of something that belongs to this payment, the same each time it is asked."""
        return str(uuid5(UUID(self.value), purpose))

    def __str__(self) -> str:
        return self.value
