"""The beginning of what a receiver answered, for whoever looks for its mistake: masked, one line."""

from __future__ import annotations

import re
from typing import Final

LENGTH_MAX: Final = 240
_MASKS: Final = (
    (re.compile(r"[^\s@\"'<>,;]+@[^\s@\"'<>,;]+\.[^\s@\"'<>,;]+"), "[e-mail]"),
    # Anything long enough to be a key, a token or a signature.
    (re.compile(r"[A-Za-z0-9+/_=-]{24,}"), "[token]"),
    # Card and telephone numbers, also in groups.
    (re.compile(r"\+?\d(?:[ .-]?\d){6,}"), "[number]"),
)


def excerpt_of(body: bytes) -> str:
    """Return the beginning of an answer with e-mail addresses, long numbers and tokens masked."""
    text = body.decode("utf-8", "replace")
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    for pattern, mask in _MASKS:
        line = pattern.sub(mask, line)
    return line if len(line) <= LENGTH_MAX else line[: LENGTH_MAX - 1] + "…"
