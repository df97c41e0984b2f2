"""A page of the log: some events and how far it reaches, bounded by events and by bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PAGE_EVENTS_MAX = 512
PAGE_BYTES_MAX = 1024 * 1024
# Events that a filtered page may look at, matching or not.
SCAN_EVENTS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Page:
    """Some events in the order they were asked for.

    Attributes:
        events: Position (or number in the stream) and response of each.
        seen: Position (or number) up to which, in the direction of the read, nothing is missing.
    """

    events: list[tuple[int, bytes]]
    seen: int


def collected(rows: Iterable[tuple[int, bytes | None]], *, limit: int, seen_at_end: int) -> Page:
    """Return a page of what rows bring, until it is full.

    Args:
        rows: Position (or number) and response; without a response for what a filter leaves out.
        limit: Number of events at most.
        seen_at_end: How far the page reaches if the rows end before it is full.
    """
    events: list[tuple[int, bytes]] = []
    size = 0
    limit = min(limit, PAGE_EVENTS_MAX)
    for considered, (key, response) in enumerate(rows, start=1):
        if response is not None:
            events.append((key, response))
            size += len(response)
        if len(events) >= limit or size >= PAGE_BYTES_MAX or considered >= SCAN_EVENTS_MAX:
            return Page(events, seen=key)
    return Page(events, seen=seen_at_end)
