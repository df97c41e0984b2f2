"""Which company moves the money."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from payment_gateway.domain.errors import InvalidValue

_PATTERN: Final = re.compile(r"[A-Z][A-Z0-9_]{0,31}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ProviderTypeVO:
    """The name of a provider, ``PAYPAL``.

    Whether there is an adapter for it is the provider factory's to say, so that a new
    provider needs no change here.

    Raises:
        InvalidValue: Not upper-case letters, digits and underscores, 32 at most.
    """

    value: str

    def __post_init__(self) -> None:
        if _PATTERN.fullmatch(self.value) is None:
            raise InvalidValue(
                "a provider type is upper-case letters, digits and underscores, 32 at most",
                param="providerType",
            )

    def __str__(self) -> str:
        return self.value
