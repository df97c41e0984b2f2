"""Request limits that one process keeps for itself: where there is no Redis, or while it is away.

The rate is kept by the generic cell rate algorithm (ITU-T I.371, annex A.1): all that is known of a
caller is when its next request would be due if it sent them evenly.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final

from payment_gateway.application.ports import Admission, Left, Quota

# Callers remembered; one who keeps to the rate is forgotten first, which changes nothing for it.
CALLERS_MAX: Final = 20_000


class InMemoryRequestLimits:
    """Obeys the same contract as ``RedisRequestLimits``."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._due_s: dict[tuple[str, str], float] = {}
        self._running: Counter[str] = Counter()
        self._places: dict[str, tuple[str, ...]] = {}
        self._tickets = count(1)

    async def admit(self, quotas: Sequence[Quota]) -> Admission:
        """Take one request of each quota and a place in each; see ``RequestLimits``."""
        now_s = self._monotonic()
        due_s = [max(self._due_s.get(_key(quota), now_s), now_s) for quota in quotas]
        waits_s = [
            due + (1 - quota.burst) / quota.per_s - now_s
            for quota, due in zip(quotas, due_s, strict=True)
        ]
        wait_s = max([0.0, *waits_s])
        full = any(self._running[quota.subject] >= quota.at_once for quota in quotas)
        if wait_s > 0 or full:
            return Admission(
                quotas=tuple(quotas),
                left=tuple(map(_left, quotas, due_s, [now_s] * len(quotas))),
                excess="rate" if wait_s > 0 else "at_once",
                retry_after_s=wait_s,
                local=True,
            )
        after_s = [due + 1 / quota.per_s for quota, due in zip(quotas, due_s, strict=True)]
        self._due_s |= zip(map(_key, quotas), after_s, strict=True)
        self._forget(now_s)
        return Admission(
            quotas=tuple(quotas),
            left=tuple(map(_left, quotas, after_s, [now_s] * len(quotas))),
            ticket=self._enter(quotas),
            local=True,
        )

    async def leave(self, admission: Admission) -> None:
        """Give the places of a request back; see ``RequestLimits``."""
        for subject in self._places.pop(admission.ticket, ()):
            self._running[subject] -= 1
            if self._running[subject] <= 0:
                del self._running[subject]

    def _enter(self, quotas: Sequence[Quota]) -> str:
        ticket = str(next(self._tickets))
        self._places[ticket] = tuple(quota.subject for quota in quotas)
        self._running.update(self._places[ticket])
        return ticket

    def _forget(self, now_s: float) -> None:
        if len(self._due_s) <= CALLERS_MAX:
            return
        self._due_s = {key: due for key, due in self._due_s.items() if due > now_s}
        if len(self._due_s) > CALLERS_MAX:
            latest = sorted(self._due_s, key=self._due_s.__getitem__)[-CALLERS_MAX // 2 :]
            self._due_s = {key: self._due_s[key] for key in latest}


def _key(quota: Quota) -> tuple[str, str]:
    return quota.subject, quota.kind


def _left(quota: Quota, due_s: float, now_s: float) -> Left:
    whole_in_s = max(due_s - now_s, 0.0)
    # A hair of rounding must not make one of ten requests vanish.
    return Left(max(math.floor(quota.burst - whole_in_s * quota.per_s + 1e-6), 0), whole_in_s)
