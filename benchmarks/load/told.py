"""What the gateway told its callers: it is held to that at the end."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

RECENT_MAX: Final = 1_000


@dataclass
class Told:
    """What was answered with success.

    Attributes:
        initiated: Payments that exist.
        completed: Payments whose money was taken.
        refunds: Ids of refunds that were carried out, by payment.
        done_at_s: When each customer had all they came for, by ``time.monotonic``.
        recent: Payments to look at, with the token of the newest answer about them.
    """

    initiated: set[str] = field(default_factory=set)
    completed: set[str] = field(default_factory=set)
    refunds: dict[str, str] = field(default_factory=dict)
    done_at_s: list[float] = field(default_factory=list)
    recent: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=RECENT_MAX))
