"""A consistency token says where the log was, to the tenant that it was given to."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.infrastructure.security.consistency_token import ConsistencyTokens
from payment_gateway.infrastructure.security.envelope import MasterKey

TOKENS = ConsistencyTokens(MasterKey(b"k" * 32))


@given(st.text(), st.integers(min_value=0, max_value=2**64 - 1))
def test_is_read_as_it_was_given(tenant: str, position: int) -> None:
    assert TOKENS.decode(tenant, TOKENS.encode(tenant, position)) == position


def test_fits_in_a_header() -> None:
    token = TOKENS.encode("a" * 63, 2**64 - 1)
    assert token.replace("-", "").replace("_", "").isalnum()
    assert len(token) < 128


def test_is_none_of_another_tenant() -> None:
    assert TOKENS.decode("rival", TOKENS.encode("acme", 7)) is None


def test_of_any_tenant_is_read_by_who_speaks_for_all() -> None:
    assert TOKENS.decode("*", TOKENS.encode("acme", 7)) == 7
    assert TOKENS.decode("*", TOKENS.encode("*", 8)) == 8


def test_of_all_tenants_is_none_of_one() -> None:
    assert TOKENS.decode("acme", TOKENS.encode("*", 7)) is None


def test_given_another_name_is_none_for_anybody() -> None:
    raw = base64.urlsafe_b64decode(TOKENS.encode("acme", 7) + "==")
    renamed = base64.urlsafe_b64encode(raw.replace(b"acme", b"rival")).decode().rstrip("=")
    assert TOKENS.decode("rival", renamed) is None
    assert TOKENS.decode("*", renamed) is None


def test_is_none_of_another_installation() -> None:
    other = ConsistencyTokens(MasterKey(b"K" * 32))
    assert other.decode("acme", TOKENS.encode("acme", 7)) is None


def test_with_one_bit_changed_is_none() -> None:
    raw = base64.urlsafe_b64decode(TOKENS.encode("acme", 7) + "==")
    assert len(raw) > 24
    for at in range(len(raw)):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        assert TOKENS.decode("acme", base64.urlsafe_b64encode(changed).decode()) is None


@pytest.mark.parametrize("forged", ["", "x", "A" * 32, "A" * 10_000, "\xe9", "\u0661", "=", "////"])
def test_forged_is_none(forged: str) -> None:
    assert TOKENS.decode("acme", forged) is None


@given(st.text(max_size=60))
def test_any_text_is_none(text: str) -> None:
    assert TOKENS.decode("acme", text) is None


def test_cut_or_longer_is_none() -> None:
    token = TOKENS.encode("acme", 7)
    for changed in (token[:-1], token[:-4], token + "AAAA", token[4:]):
        assert TOKENS.decode("acme", changed) is None
