"""Reading your own writes: the headers by which a caller asks for it, and the refusal."""

from __future__ import annotations

import re
from typing import ClassVar, Final

WAIT_S_DEFAULT: Final = 2
WAIT_S_MAX: Final = 30
RETRY_AFTER_S: Final = 1
# RFC 7240, section 4.3: Prefer: wait=SECONDS, among other preferences.
_WAIT: Final = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?=$|[,;])", re.IGNORECASE)


class NotYet(Exception):
    """The read model has not come as far as the caller has; ask again after ``retry_after_s``."""

    code: ClassVar[str] = "not_yet"
    retryable: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__("the answer does not show your last command yet; ask again")
        self.retry_after_s = RETRY_AFTER_S


def preferred_wait_s(prefer: str | None) -> int | None:
    """Return how long a caller says it is willing to wait, in seconds, at most ``WAIT_S_MAX``."""
    found = _WAIT.search(prefer or "")
    return min(int(found.group(1)), WAIT_S_MAX) if found else None
