"""When all was as before: computed from what was seen, once the fault is over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.load.latency import Sample

WINDOW_S: Final = 3
PERCENT: Final = 99
TIMES_EARLIER_MAX: Final = 2.0
# The lag is the age of the newest mark, and one is written every two seconds: none is ever younger than this.
LAG_S_MAX: Final = 3.0


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the read models were behind at a time; ``None`` if nobody could tell."""

    at_s: float
    lag_s: float | None


def p99_s(samples: Sequence[Sample]) -> float:
    """Return what 99 of 100 requests took at most, in seconds; one that was not served took for ever."""
    times = sorted(one.took_s if one.is_served else math.inf for one in samples)
    return times[min(len(times) - 1, len(times) * PERCENT // 100)] if times else math.inf


def recovered_after_s(
    samples: Sequence[Sample],
    lags: Sequence[Lag],
    *,
    over_s: float,
    settled_s: float,
    earlier_s: float,
) -> float | None:
    """Return how many seconds after its end a fault could not be felt any more; ``None`` if it still can.

    That is from the first moment on at which, for ``WINDOW_S`` seconds, the p99 of all requests is under twice
    the earlier one and the read models are not behind.

    Args:
        samples: The requests of the whole run that have ended.
        lags: The same for the lag.
        over_s: When the fault ended, by the clock of the samples.
        settled_s: All requests that were due before then have ended; nothing later counts.
        earlier_s: The p99 before the fault, in seconds.
    """
    begun_s = over_s
    while begun_s + WINDOW_S <= settled_s:
        end_s = begun_s + WINDOW_S
        window = [one for one in samples if begun_s <= one.due_s < end_s]
        seen = [one.lag_s for one in lags if begun_s <= one.at_s < end_s]
        caught_up = bool(seen) and all(lag is not None and lag <= LAG_S_MAX for lag in seen)
        if caught_up and p99_s(window) < TIMES_EARLIER_MAX * earlier_s:
            return begun_s - over_s
        begun_s += 1
    return None
