"""How long answers took, and what they were: one histogram for each kind of request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from hdrh.histogram import HdrHistogram

SHORTEST_US: Final = 1
LONGEST_US: Final = 120_000_000
DIGITS: Final = 3
PERCENTILES: Final = (50.0, 90.0, 99.0, 99.9)
# What no answer came to has this status.
UNANSWERED: Final = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """One request.

    Attributes:
        due_s: When it should have been sent, by ``time.monotonic``.
        took_s: From then to the end of the answer, or to giving up.
        is_served: Whether it was answered as wanted.
    """

    due_s: float
    took_s: float
    is_served: bool


class Histogram:
    """Times from a microsecond to two minutes, exact to three digits, however many."""

    def __init__(self) -> None:
        self._counts = HdrHistogram(SHORTEST_US, LONGEST_US, DIGITS)

    def record(self, seconds: float) -> None:
        """Count one time; what is out of bounds counts as the bound."""
        self._counts.record_value(min(max(round(seconds * 1e6), SHORTEST_US), LONGEST_US))

    def add(self, other: Histogram) -> None:
        """Count all that another one counted, too."""
        self._counts.add(other._counts)

    def percentile_ms(self, percent: float) -> float:
        """Return the time that so many percent took at most, in milliseconds; 0 if nothing was counted."""
        return float(self._counts.get_value_at_percentile(percent)) / 1000

    @property
    def max_ms(self) -> float:
        """The longest one, in milliseconds."""
        return float(self._counts.get_max_value()) / 1000

    @property
    def count(self) -> int:
        """How many were counted."""
        return int(self._counts.get_total_count())


@dataclass
class Tally:
    """What became of the requests of one kind.

    Attributes:
        outcomes: How often each status came, with the code of a refusal; 0 where no answer came.
    """

    times: Histogram = field(default_factory=Histogram)
    outcomes: Counter[tuple[int, str]] = field(default_factory=Counter)

    @property
    def unserved(self) -> dict[tuple[int, str], int]:
        """All outcomes that are no success."""
        return {one: n for one, n in sorted(self.outcomes.items()) if not is_success(one[0])}


def is_success(status: int) -> bool:
    """Return whether a status says that all is well; payers are sent on with 303."""
    return 200 <= status < 400


class Recorder:
    """All requests of a phase."""

    def __init__(self) -> None:
        self.tallies: dict[str, Tally] = {}
        self.samples: list[Sample] = []
        self._under_way: dict[int, float] = {}
        self._numbers = count()

    @contextmanager
    def under_way(self, due_s: float) -> Generator[None, None, None]:
        """Know of a request that was due then until the block ends."""
        number = next(self._numbers)
        self._under_way[number] = due_s
        try:
            yield
        finally:
            del self._under_way[number]

    def settled_s(self, now_s: float) -> float:
        """Return up to when all requests that were due have ended."""
        return min(self._under_way.values(), default=now_s)

    def note(self, kind: str, sample: Sample, status: int, code: str) -> None:
        """Count one request."""
        tally = self.tallies.setdefault(kind, Tally())
        tally.times.record(sample.took_s)
        tally.outcomes[status, code] += 1
        self.samples.append(sample)

    def total(self, kinds: frozenset[str]) -> Tally:
        """Return the requests of several kinds as one."""
        total = Tally()
        for kind in kinds & self.tallies.keys():
            total.outcomes += self.tallies[kind].outcomes
            total.times.add(self.tallies[kind].times)
        return total
