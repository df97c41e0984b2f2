"""The comparison at the end of a load finds each way in which money can be lost or moved twice."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load.books import Events, Moved, differences
from benchmarks.load.told import Told

CAPTURE = Moved("capture", "p1", "C-1", 1999)
REFUND = Moved("refund", "p1", "R-1", 500)


def events(*moved: Moved) -> Events:
    return Events(payments={"p1"}, moved=Counter(moved), refunds={"r1"})


def told() -> Told:
    return Told(initiated={"p1"}, completed={"p1"}, refunds={"r1": "p1"})


def test_the_same_money_on_both_sides_is_no_difference() -> None:
    assert differences(events(CAPTURE, REFUND), Counter((CAPTURE, REFUND)), told()) == []


@pytest.mark.parametrize(
    ("kept", "books", "sentence"),
    [
        ((CAPTURE,), (), "capture C-1 is in no provider's books"),
        ((), (CAPTURE,), "capture C-1 at the provider is in no event"),
        ((CAPTURE,), (CAPTURE, REFUND), "refund R-1 at the provider is in no event"),
        ((CAPTURE, CAPTURE), (CAPTURE,), "capture C-1 is in no provider's books"),
        (
            (CAPTURE, Moved("capture", "p1", "C-2", 1999)),
            (CAPTURE, Moved("capture", "p1", "C-2", 1999)),
            "payment p1: taken 2 times",
        ),
        (
            (CAPTURE,),
            (Moved("capture", "p1", "C-1", 2000),),
            "capture C-1 at the provider is in no event",
        ),
        (
            (CAPTURE, Moved("refund", "p1", "R-1", 2000)),
            (CAPTURE, Moved("refund", "p1", "R-1", 2000)),
            "1 minor units more given back than taken",
        ),
    ],
    ids=[
        "lost at the provider",
        "lost here",
        "refund lost here",
        "recorded twice",
        "taken twice",
        "another amount",
        "too much given back",
    ],
)
def test_a_planted_loss_is_found(
    kept: tuple[Moved, ...], books: tuple[Moved, ...], sentence: str
) -> None:
    found = differences(events(*kept), Counter(books), Told())

    assert any(sentence in one for one in found), found


@pytest.mark.parametrize(
    ("promised", "sentence"),
    [
        (Told(initiated={"p2"}), "payment p2: answered as begun, in no event"),
        (Told(completed={"p2"}), "payment p2: answered as completed, in no event"),
        (Told(refunds={"r2": "p1"}), "payment p1: refund r2 answered as given, in no event"),
    ],
    ids=["begun", "completed", "given back"],
)
def test_a_promise_that_was_not_kept_is_found(promised: Told, sentence: str) -> None:
    assert differences(events(CAPTURE), Counter((CAPTURE,)), promised) == [sentence]


@given(
    payments=st.lists(st.integers(min_value=1, max_value=10**6), min_size=1, max_size=20),
    victim=st.integers(min_value=0),
)
def test_no_loss_among_many_is_overlooked(payments: list[int], victim: int) -> None:
    moved = Counter(
        Moved("capture", f"p{number}", f"C-{number}", minor)
        for number, minor in enumerate(payments)
    )
    all_of_it = Events(payments={one.payment_id for one in moved}, moved=moved)
    assert differences(all_of_it, moved, Told()) == []

    lost = sorted(moved)[victim % len(moved)]
    assert len(differences(all_of_it, moved - Counter((lost,)), Told())) == 1
