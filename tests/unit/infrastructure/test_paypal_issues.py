"""PayPal's refusals: every issue has one meaning, and an unknown one is never a failure."""

from collections.abc import Mapping
from typing import Any, assert_never

import pytest

from payment_gateway.infrastructure.providers.paypal.issues import (
    _ISSUES_BY_CLASS,
    ISSUES,
    IssueClass,
    Refusal,
    read_refusal,
)
from sandbox.providers.paypal.errors import ISSUES as ISSUES_OF_THE_SIMULATOR


def error(*issues: object, name: object = "UNPROCESSABLE_ENTITY") -> Mapping[str, Any]:
    return {"name": name, "details": [{"issue": issue} for issue in issues], "debug_id": "1"}


def test_every_issue_is_in_one_class() -> None:
    listed = [issue for issues in _ISSUES_BY_CLASS.values() for issue in issues]

    assert len(listed) == len(set(listed)) == len(ISSUES)
    assert set(_ISSUES_BY_CLASS) == set(IssueClass)


@pytest.mark.parametrize("issue", ISSUES_OF_THE_SIMULATOR)
def test_whatever_the_simulator_refuses_with_has_a_meaning(issue: str) -> None:
    assert ISSUES[issue] in IssueClass


@pytest.mark.parametrize(("issue", "kind"), ISSUES.items())
def test_money_is_only_said_to_be_untaken_where_that_is_sure(issue: str, kind: IssueClass) -> None:
    match kind:
        case IssueClass.PAYERS_TURN | IssueClass.DECLINED | IssueClass.REFUSED | IssueClass.GONE:
            told = ("DUPLICATE", "ALREADY", "IN_PROGRESS", "PREVIOUSLY", "FULLY")
            assert not any(word in issue for word in told) or issue == "DUPLICATE_REFERENCE_ID"
        case IssueClass.DONE_BEFORE | IssueClass.UNCLEAR:
            assert "DECLINED" not in issue
        case _:
            assert_never(kind)


@pytest.mark.parametrize(
    ("document", "refusal"),
    [
        (
            error("INSTRUMENT_DECLINED"),
            Refusal(issue="INSTRUMENT_DECLINED", kind=IssueClass.PAYERS_TURN),
        ),
        (error("NEW_WORD"), Refusal(issue="NEW_WORD", kind=None)),
        (error("NEW_WORD", "PAYER_CANNOT_PAY"), Refusal(issue="NEW_WORD", kind=None)),
        (
            error("PAYER_CANNOT_PAY", "ORDER_ALREADY_CAPTURED", "AMOUNT_MISMATCH"),
            Refusal(issue="ORDER_ALREADY_CAPTURED", kind=IssueClass.DONE_BEFORE),
        ),
        (error(name="NOT_AUTHORIZED"), Refusal(issue="NOT_AUTHORIZED", kind=IssueClass.REFUSED)),
        (error(None, 5, "not a code"), Refusal(issue="UNPROCESSABLE_ENTITY", kind=None)),
        ({"name": "RESOURCE_NOT_FOUND"}, Refusal(issue="RESOURCE_NOT_FOUND", kind=IssueClass.GONE)),
    ],
)
def test_the_word_that_claims_least_counts(document: Mapping[str, Any], refusal: Refusal) -> None:
    assert read_refusal(document) == refusal


@pytest.mark.parametrize(
    "document",
    [None, {}, {"error": "invalid_token"}, error("X", name=None), error("X", name="a b")],
)
def test_what_is_not_paypals_error_document_says_nothing(
    document: Mapping[str, Any] | None,
) -> None:
    assert read_refusal(document) is None
