"""Which regular expressions a client may send, and what they give away about a name."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.eventstore.expressions import InvalidExpression, compiled, literal_prefix

# The costliest expression that is let through, on a name longer than any that is used.
SEARCH_TIMEOUT_S = 2.0


@pytest.mark.parametrize(
    "regex",
    [
        r"^(?!(\$.+$|PersistentConfig\d+$))",
        r"^payment-[0-9a-f]{2}.*$",
        r"^a.*|b.*|c.*|d.*|e.*|f.*$",
        r"(?:ab)+\d*",
        r"[)(*+]+",
        r"\(+\)+",
        r"(a*)?b",
        r"^(?P<n>a+)-(?P=n)$",
        r"a{2,}b{1,3}c{4}",
    ],
)
def test_what_clients_write_is_accepted(regex: str) -> None:
    assert compiled(regex).pattern == regex


@pytest.mark.parametrize(
    "regex",
    [
        r"(a+)+$",
        r"(a|aa)+$",
        r"((a)*b?)*",
        r"([a-z]+\d)*",
        r"(?:x+x+)+y",
        r"(a?){30}a{30}",
        r"(?=(a+))*",
        r".*.*.*.*.*x",
        "(",
        "x" * 20_000,
    ],
)
def test_what_may_take_for_ever_is_refused(regex: str) -> None:
    with pytest.raises(InvalidExpression):
        compiled(regex)


def test_the_costliest_that_is_accepted_ends_soon() -> None:
    began = time.monotonic()
    assert compiled(r".*a.*b.*c.*d$").search("abc" * 25) is None
    assert time.monotonic() - began < SEARCH_TIMEOUT_S


@pytest.mark.parametrize(
    ("regex", "prefix"),
    [
        (r"^payment-.*$", "payment-"),
        (r"^payment-[0-9]", "payment-"),
        (r"^payments?-", "payment"),
        (r"^payments*", "payment"),
        (r"^payments{0,2}", "payment"),
        (r"^\$x", ""),
        (r"^order-1$", "order-1"),
        (r"^order-.*|payment-.*$", ""),
        (r"order-", ""),
        (r"^(?!order)", ""),
    ],
)
def test_an_anchored_expression_tells_how_names_begin(regex: str, prefix: str) -> None:
    assert literal_prefix(regex) == prefix


@pytest.mark.filterwarnings("ignore:Possible")
@given(
    regex=st.text(alphabet="ab-^$.*+?|(){}[]\\1", max_size=10),
    name=st.text(alphabet="ab-1", max_size=8),
)
def test_a_name_that_matches_begins_with_the_prefix(regex: str, name: str) -> None:
    try:
        found = re.search(regex, name)
    except (re.error, OverflowError):
        return
    if found is not None:
        assert name.startswith(literal_prefix(regex))
