"""Gives out external reference numbers that no other process ever gives out."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import Final

from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)

_RANDOM_DIGITS: Final = 14


class ExternalReferenceService:
    """Makes ``ERN-`` numbers: microseconds since 1970, then 14 random digits.

    Within a process the time part only ever grows, whatever the clock does, so two numbers never
    meet. Between processes and machines the random part tells apart what was made in the same
    microsecond. A number that were in use all the same would be noticed: its stream exists.
    """

    def __init__(self, clock_ns: Callable[[], int]) -> None:
        self._clock_ns = clock_ns
        self._last_us = 0
        self._lock = threading.Lock()

    def next(self) -> ExternalReferenceNumberVO:
        """Return a number that was never given out before."""
        with self._lock:
            self._last_us = max(self._last_us + 1, self._clock_ns() // 1000)
            time_us = self._last_us
        random = secrets.randbelow(10**_RANDOM_DIGITS)
        return ExternalReferenceNumberVO(f"ERN-{time_us}{random:0{_RANDOM_DIGITS}d}")
