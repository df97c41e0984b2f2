"""Every refusal has one status, one code and one row in the table that its ``type`` leads to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import payment_gateway.presentation.rest
from payment_gateway.asgi import REFUSALS
from payment_gateway.domain.errors import DomainError
from payment_gateway.presentation.rest import error_table, errors

# From which others are derived; it is never raised itself.
ABSTRACT = {DomainError}


def kinds_of(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for one in kind.__subclasses__():
        yield one
        yield from kinds_of(one)


DOMAIN_ERRORS = sorted(set(kinds_of(DomainError)) - ABSTRACT, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", DOMAIN_ERRORS)
def test_each_refusal_of_the_domain_has_a_status(kind: type[DomainError]) -> None:
    assert 400 <= errors.DOMAIN_STATUS[kind] < 600
    assert errors.DOMAIN_STATUS[kind] not in {500, 504}


def test_each_code_is_one_refusal_of_the_domain() -> None:
    codes = [kind.code for kind in DOMAIN_ERRORS]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


def test_the_table_has_each_code_once_and_says_what_it_means() -> None:
    rows = error_table.rows()
    codes = [row.code for row in rows]
    assert codes == sorted(set(codes))
    for row in rows:
        assert row.meaning
        assert 400 <= row.status < 600


def test_each_code_that_can_be_answered_is_in_the_table() -> None:
    """Also those that the code of the interface spells out where it refuses."""
    folder = Path(payment_gateway.presentation.rest.__path__[0])
    spelled = {
        code
        for file in folder.glob("*.py")
        for code in re.findall(r"code=\"([a-z_]+)\"", file.read_text())
    }
    known = {row.code for row in error_table.rows()}
    assert len(spelled) > 5
    assert spelled <= known
    assert {kind.code for kind in DOMAIN_ERRORS} <= known
    assert {refusal.code for refusal in REFUSALS.values()} <= known


def test_what_may_be_sent_again_says_so() -> None:
    retryable = {row.code for row in error_table.rows() if row.retryable}
    assert {"conflict", "provider_unavailable", "event_store_unavailable", "not_yet"} <= retryable
    assert not retryable & {"invalid_value", "forbidden", "refund_exceeds_captured"}
