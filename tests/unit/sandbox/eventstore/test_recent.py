"""What is kept in memory of the end of the log is what the log says, or nothing."""

from __future__ import annotations

import pytest

from sandbox.eventstore.filters import EventFilter, StreamNameFilter, TypeFilter, matcher
from sandbox.eventstore.page import PAGE_EVENTS_MAX
from sandbox.eventstore.recent import RECENT_BYTES_MAX, RECENT_EVENTS_MAX, CommittedEvent, Recent


def event(position: int, size: int = 1) -> CommittedEvent:
    kind = "Even" if position % 2 == 0 else "Odd"
    return CommittedEvent(position, f"stream-{position}", kind, b"x" * size)


def recent(first: int, last: int, size: int = 1) -> Recent:
    kept = Recent()
    kept.add([event(position, size) for position in range(first, last + 1)])
    return kept


def test_a_page_begins_where_it_is_asked_to() -> None:
    page = recent(5, 9).page(7, None)
    assert page is not None
    assert ([position for position, _ in page.events], page.seen) == ([7, 8, 9], 9)


@pytest.mark.parametrize("first", [1, 4, 10])
def test_what_it_does_not_have_is_asked_of_the_database(first: int) -> None:
    assert recent(5, 9).page(first, None) is None
    assert Recent().page(first, None) is None


@pytest.mark.parametrize(
    ("event_filter", "positions"),
    [
        (TypeFilter(matcher("^Even$", [])), [6, 8]),
        (StreamNameFilter(matcher("", ["stream-5"]), ("stream-5",)), [5]),
        (TypeFilter(matcher("^None$", [])), []),
    ],
)
def test_a_filter_leaves_out_but_has_seen(event_filter: EventFilter, positions: list[int]) -> None:
    page = recent(5, 9).page(5, event_filter)
    assert page is not None
    assert ([position for position, _ in page.events], page.seen) == (positions, 9)


def test_a_page_is_bounded() -> None:
    page = recent(1, 2 * PAGE_EVENTS_MAX).page(1, None)
    assert page is not None
    assert page.seen == PAGE_EVENTS_MAX


def test_the_oldest_events_make_room() -> None:
    last = RECENT_EVENTS_MAX + 10
    kept = recent(1, last)
    assert kept.page(10, None) is None
    assert kept.page(11, None) is not None
    large = recent(1, 20, size=RECENT_BYTES_MAX // 10)
    assert large.page(10, None) is None
    assert large.page(11, None) is not None
