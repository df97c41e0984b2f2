"""How long to wait before trying again what failed for a reason that passes."""

from __future__ import annotations

import random
from typing import Final

BASE_S: Final = 0.1
DELAY_S_MAX: Final = 5.0
DOUBLINGS_MAX: Final = 10

_RANDOM: Final = random.SystemRandom()


def delay_s(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row, at least half of the full delay.

    Doubles up to ``DELAY_S_MAX``; partly random, so that workers that failed together do not come
    back together.
    """
    full = min(DELAY_S_MAX, BASE_S * (1 << min(failures, DOUBLINGS_MAX)))
    return full * _RANDOM.uniform(0.5, 1.0)
