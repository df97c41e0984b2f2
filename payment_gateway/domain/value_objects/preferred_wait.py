"""How long a query may wait until it shows what its caller has been told."""

from __future__ import annotations

import re
from typing import Final

WAIT_S_DEFAULT: Final = 2
WAIT_S_MAX: Final = 30
# RFC 7240, section 4.3: Prefer: wait=SECONDS, among other preferences.
_WAIT: Final = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?=$|[,;])", re.IGNORECASE)


def preferred_wait_s(prefer: str | None) -> int | None:
    """Return how long a caller says it is willing to wait, in seconds, at most ``WAIT_S_MAX``."""
    found = _WAIT.search(prefer or "")
    return min(int(found.group(1)), WAIT_S_MAX) if found else None
