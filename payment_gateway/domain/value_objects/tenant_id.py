"""Whose payments these are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from payment_gateway.domain.errors import InvalidValue

_PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TenantIdVO:
    """The id of a tenant.

    Raises:
        InvalidValue: Another form.
    """

    value: str

    def __post_init__(self) -> None:
        if _PATTERN.fullmatch(self.value) is None:
            raise InvalidValue(
                "a tenant id is 1 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit",
                param="tenantId",
            )

    def __str__(self) -> str:
        return self.value
