"""How many requests a caller may send, and how many of them may be under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Excess = Literal["rate", "at_once"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What one caller may do.

    Attributes:
        name: How it is called in headers, ``key``.
        subject: Whose it is.
        kind: ``reads`` or ``writes``; each has its own rate, but they run in the same places.
        per_s: Requests a second in the long run.
        burst: Requests at one moment, after a pause.
        at_once: Requests under way.
    """

    name: str
    subject: str
    kind: str
    per_s: float
    burst: int
    at_once: int


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a quota: requests that may come at this moment, and when it is whole again."""

    requests: int
    whole_in_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Whether a request may go on.

    Attributes:
        quotas: What it was measured by.
        left: Of each of them.
        excess: What there is too much of; ``None`` where the request may go on.
        retry_after_s: When the rate allows the next one, exactly; 0 where the rate is kept.
        ticket: Names the request's places.
        local: Whether this process alone knows of it.
    """

    quotas: tuple[Quota, ...]
    left: tuple[Left, ...]
    excess: Excess | None = None
    retry_after_s: float = 0.0
    ticket: str = ""
    local: bool = False


class RequestLimits(Protocol):
    """Admits requests as long as all of their quotas allow it; one that is refused uses none up."""

    async def admit(self, quotas: Sequence[Quota]) -> Admission:
        """Take one request of each quota and a place in each, all or none."""
        ...

    async def leave(self, admission: Admission) -> None:
        """Give the places of a request back that has ended."""
        ...
