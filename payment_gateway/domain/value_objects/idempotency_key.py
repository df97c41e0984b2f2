"""What a caller sends along so that a repeated command acts once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from payment_gateway.domain.errors import InvalidValue

LENGTH_MAX: Final = 255


@dataclass(frozen=True, slots=True)
class IdempotencyKeyVO:
    """A text of 1 to 255 printable characters, the caller's own.

    Raises:
        InvalidValue: Empty, longer, or with control characters.
    """

    value: str

    def __post_init__(self) -> None:
        if not 1 <= len(self.value) <= LENGTH_MAX or not self.value.isprintable():
            raise InvalidValue(
                f"an idempotency key has 1 to {LENGTH_MAX} printable characters",
                param="Idempotency-Key",
            )
