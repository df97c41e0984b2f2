"""What a provider answered, as it came: nothing in it is believed before it is looked at."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Final, NoReturn, cast

RETRY_AFTER_S_MAX: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back whole, with a status below 500 that is not 429."""

    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status says yes."""
        return 200 <= self.status <= 299

    def document(self) -> Mapping[str, Any] | None:
        """Return the body as a JSON object with exact decimals; ``None`` if it is anything else."""
        try:
            value = json.loads(self.body, parse_float=Decimal, parse_constant=_no_number)
        except (ValueError, RecursionError):
            return None
        return cast("Mapping[str, Any]", value) if isinstance(value, dict) else None


def retry_after_s(header: str | None, *, now: datetime) -> float | None:
    """Read ``Retry-After``: seconds or a date, at most ``RETRY_AFTER_S_MAX``.

    Source: RFC 9110, section 10.2.3. Anything else is ``None``.
    """
    if header is None:
        return None
    try:
        seconds = float(header) if header.isdigit() else _seconds_until(header, now)
    except ValueError:
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_S_MAX) if math.isfinite(seconds) else None


def _seconds_until(date: str, now: datetime) -> float:
    at = parsedate_to_datetime(date)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now.timestamp()


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")
