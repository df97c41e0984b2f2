"""Which revisions an ``If-Match`` names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.domain.errors import InvalidValue
from payment_gateway.presentation.rest.if_match import TAGS_MAX, revisions_of


@pytest.mark.parametrize(
    ("sent", "revisions"),
    [
        ([], None),
        (["*"], None),
        (['"3"'], {3}),
        (['"3", "4"'], {3, 4}),
        (['"3"', '"0"'], {3, 0}),
        (['W/"3"'], set()),  # strong comparison: a weak tag matches nothing
        (['"some other tag"'.replace(" ", "-")], set()),
        (['"03"'], set()),
        (['""'], set()),
    ],
)
def test_names_revisions(sent: list[str], revisions: set[int] | None) -> None:
    assert revisions_of(sent) == revisions


@pytest.mark.parametrize("sent", ["3", '"3', "", '"3" "4"', '"3",', '*, "3"', "w/'3'"])
def test_that_is_no_list_of_tags_is_refused(sent: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        revisions_of([sent])
    assert refused.value.param == "If-Match"


def test_with_too_many_tags_is_refused() -> None:
    assert len(revisions_of([",".join(f'"{n}"' for n in range(TAGS_MAX))]) or ()) == TAGS_MAX
    with pytest.raises(InvalidValue):
        revisions_of([",".join(f'"{n}"' for n in range(TAGS_MAX + 1))])


@given(st.lists(st.text(max_size=30), max_size=3))
def test_any_text_names_revisions_or_is_refused(sent: list[str]) -> None:
    try:
        revisions = revisions_of(sent)
    except InvalidValue:
        return
    assert revisions is None or all(one >= 0 for one in revisions)
