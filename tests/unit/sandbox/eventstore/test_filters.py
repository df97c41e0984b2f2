"""How a filter looks at a name, and what a link's data means."""

from __future__ import annotations

import pytest

from sandbox.eventstore.filters import InvalidFilter, matcher
from sandbox.eventstore.links import parsed


def test_an_expression_is_searched_for() -> None:
    matches = matcher("^Order|Paid$", [])
    assert [name for name in ("OrderX", "XPaid", "XOrderX") if matches(name)] == ["OrderX", "XPaid"]


def test_prefixes_are_alternatives() -> None:
    matches = matcher("", ["a", "b"])
    assert [name for name in ("ax", "bx", "xa") if matches(name)] == ["ax", "bx"]


@pytest.mark.parametrize("regex", ["", "(", "x" * 20_000])
def test_a_filter_that_cannot_be_used_is_refused(regex: str) -> None:
    with pytest.raises(InvalidFilter):
        matcher(regex, [])


@pytest.mark.parametrize(
    ("data", "target"),
    [
        (b"0@s", (0, "s")),
        (b"12@a@b", (12, "a@b")),
        (b"@s", None),
        (b"1@", None),
        (b"-1@s", None),
        (b"x", None),
        (b"1@\xff", None),
    ],
)
def test_a_link_names_number_and_stream(data: bytes, target: tuple[int, str] | None) -> None:
    assert parsed(data) == target
