"""How a tenant's calls to a provider went in the last hour, in little memory.

Calls are counted in slots of five minutes, their durations in classes: what is kept of an account
does not grow with the number of its calls.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from payment_gateway.application.ports import LastFailure, LastHour

SLOT: Final = timedelta(minutes=5)
SLOTS: Final = 12
# Upper ends of the classes of duration; a percentile is given as one of these.
LATENCY_CLASSES_MS: Final = (
    *(5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 400, 500, 750),
    *(1000, 1500, 2000, 3000, 4000, 5000, 7500, 10_000, 15_000, 20_000, 30_000, 45_000, 60_000),
)
ACCOUNTS_MAX: Final = 1000  # that one process remembers by itself

_ANSWERED: Final = "answered"
_FAILED: Final = "failed"


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant's account at a type of provider."""

    tenant_id: str
    provider_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that was made and has ended; ``failure`` is why it got no answer."""

    at: datetime
    duration_s: float
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSummary:
    """What is known of an account's calls."""

    last_hour: LastHour
    last_failure: LastFailure | None


class CallRecords(Protocol):
    """Remembers how calls went."""

    async def add(self, account: Account, call: Call) -> None:
        """Count a call."""
        ...

    async def summary(self, account: Account, now: datetime) -> CallSummary:
        """Return what is known of an account's calls of the last hour."""
        ...


def slot_of(at: datetime) -> int:
    """Return the number of the slot that a moment lies in."""
    return int(at.timestamp() // SLOT.total_seconds())


def slots_of_last_hour(now: datetime) -> range:
    """Return the slots that count: 55 to 60 minutes."""
    current = slot_of(now)
    return range(current - SLOTS + 1, current + 1)


def counters_of(call: Call) -> tuple[str, str]:
    """Return what a call adds one to."""
    duration_ms = call.duration_s * 1000
    fitting = (end for end in LATENCY_CLASSES_MS if duration_ms <= end)
    latency_class = next(fitting, LATENCY_CLASSES_MS[-1])
    return _ANSWERED if call.failure is None else _FAILED, str(latency_class)


def hour_of(slots: Iterable[Mapping[str, int]]) -> LastHour:
    """Return the sum of slots."""
    total: Counter[str] = Counter()
    for slot in slots:
        total.update(slot)
    answered, failed = total[_ANSWERED], total[_FAILED]
    calls = answered + failed
    return LastHour(
        calls=calls,
        success_rate=round(answered / calls, 4) if calls else None,
        latency_ms_p50=_percentile(total, 0.50),
        latency_ms_p95=_percentile(total, 0.95),
    )


def _percentile(total: Mapping[str, int], share: float) -> int | None:
    """Return the class that this share of calls took no longer than."""
    counts = [(end, total.get(str(end), 0)) for end in LATENCY_CLASSES_MS]
    left = share * sum(number for _, number in counts)
    for end, number in counts:
        left -= number
        if number and left <= 0:
            return end
    return None


class InMemoryCallRecords:
    """What this process saw by itself."""

    def __init__(self) -> None:
        self._slots: OrderedDict[Account, dict[int, Counter[str]]] = OrderedDict()
        self._failures: dict[Account, LastFailure] = {}

    async def add(self, account: Account, call: Call) -> None:
        """Count a call; of too many accounts, the one that called longest ago is forgotten."""
        slots = self._slots.setdefault(account, {})
        self._slots.move_to_end(account)
        if len(self._slots) > ACCOUNTS_MAX:
            forgotten, _ = self._slots.popitem(last=False)
            self._failures.pop(forgotten, None)
        for old in [number for number in slots if number not in slots_of_last_hour(call.at)]:
            del slots[old]
        slots.setdefault(slot_of(call.at), Counter()).update(counters_of(call))
        if call.failure is not None:
            at = call.at.astimezone(UTC)
            self._failures[account] = LastFailure(at=at, reason=call.failure)

    async def summary(self, account: Account, now: datetime) -> CallSummary:
        """Return what this process knows of an account's calls of the last hour."""
        slots = self._slots.get(account, {})
        counted = slots_of_last_hour(now)
        return CallSummary(
            last_hour=hour_of(slot for number, slot in slots.items() if number in counted),
            last_failure=self._failures.get(account),
        )
