"""JSON is read exactly or refused."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.presentation.rest.json_body import NESTING_MAX, NotJson, read_json

PARTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(PARTS)
def test_what_json_says_is_what_is_read(value: Any) -> None:
    assert read_json(json.dumps(value).encode()) == value


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**20)))
def test_numbers_keep_each_digit(number: Decimal) -> None:
    read = read_json(f"[{number:f}]".encode())[0]
    assert (type(read), str(read)) == (Decimal, str(Decimal(f"{number:f}")))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with suppress(NotJson):
        read_json(raw)


def nested(depth: int, opening: str, closing: str) -> bytes:
    return (opening * depth + "1" + closing * depth).encode()


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_has_a_limit(opening: str, closing: str) -> None:
    read_json(nested(NESTING_MAX, opening, closing))
    for depth in (NESTING_MAX + 1, 1_000, 100_000):
        with pytest.raises(NotJson, match="nested too deep"):
            read_json(nested(depth, opening, closing))


@pytest.mark.parametrize(
    "raw",
    ["NaN", "-Infinity", "[1,]", "{'a': 1}", '{"a": 1, "a": 1}', "1" * 65, "0." + "1" * 65, ""],
)
def test_what_can_be_read_in_two_ways_is_refused(raw: str) -> None:
    with pytest.raises(NotJson):
        read_json(raw.encode())


@pytest.mark.parametrize("raw", ['"\\ud800"', '{"\\udc00": 1}', '["\\ud800\\ud800"]'])
def test_half_a_character_is_refused(raw: str) -> None:
    with pytest.raises(NotJson, match="half a character"):
        read_json(raw.encode())


def test_a_character_of_two_halves_is_one() -> None:
    assert read_json(b'"\\ud83d\\ude00"') == "\U0001f600"
