"""Every refusal has one status, one code and one row in the table that its ``type`` leads to."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from pymongo.errors import PyMongoError

import payment_gateway.application
import projections
from payment_gateway.application.commands.apply_webhook import NotYetApplicable
from payment_gateway.application.commands.apply_webhook_reports import NotApplicable
from payment_gateway.application.notifications import NotificationFailed
from payment_gateway.application.ports import (
    EventStoreUnavailable,
    ProviderOutcomeUnknown,
    ProviderUnavailable,
    StreamDestroyed,
    StreamMoved,
)
from payment_gateway.application.services.personal_data_service import SubjectForgotten
from payment_gateway.asgi import REFUSALS
from payment_gateway.command_line_refusals import CannotRun, code_of
from payment_gateway.domain.errors import DomainError, PaymentNotFound
from payment_gateway.infrastructure.security.key_source import KeySourceMissing
from payment_gateway.presentation.rest import error_table, refusals
from payment_gateway.presentation.rest.access import AccessRefused
from projections.registry import StepRefused

# From which others are derived; it is never raised itself.
ABSTRACT = {DomainError}
# Told among the errors of an answer that is 200.
GRAPHQL_ONLY = {"invalid_query", "query_too_costly", "outcome_unknown"}
# Ports and services raise these to each other: who asks for something is told otherwise, or waits.
WITHIN = {
    NotificationFailed,  # tried again
    ProviderUnavailable,  # becomes ProviderUnavailableError, or the next provider
    ProviderOutcomeUnknown,  # becomes the status UNKNOWN
    NotApplicable,  # an accepted notification that is parked
    NotYetApplicable,  # an accepted notification that waits
    StreamDestroyed,  # only people's keys are; becomes SubjectForgotten
    SubjectForgotten,  # what is new of that person is sealed as another subject's
}


def kinds_of(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for one in kind.__subclasses__():
        yield one
        yield from kinds_of(one)


DOMAIN_ERRORS = sorted(set(kinds_of(DomainError)) - ABSTRACT, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", DOMAIN_ERRORS)
def test_each_refusal_of_the_domain_has_a_status(kind: type[DomainError]) -> None:
    assert 400 <= refusals.DOMAIN_STATUS[kind] < 600
    assert refusals.DOMAIN_STATUS[kind] not in {500, 504}


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
        assert 400 <= row.status < 600 or row.code in GRAPHQL_ONLY


def test_each_code_that_can_be_answered_is_in_the_table() -> None:
    """Also those that the code of the interface spells out where it refuses."""
    folder = Path(payment_gateway.__path__[0])
    spelled = {
        code
        for file in folder.rglob("*.py")
        for code in re.findall(r"code\"?[=:] ?\"([a-z_]+)\"", file.read_text())
    }
    known = {row.code for row in error_table.rows()}
    assert len(spelled) > 5
    assert spelled <= known
    assert {kind.code for kind in DOMAIN_ERRORS} <= known
    assert {refusal.code for refusal in REFUSALS.values()} <= known


def every_exception(package: ModuleType) -> Iterator[type[Exception]]:
    """Yield each exception that a module of the package defines for others."""
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(found.name)
        for name, one in inspect.getmembers(module, inspect.isclass):
            own = one.__module__ == found.name and not name.startswith("_")
            if own and issubclass(one, Exception):
                yield one


def test_each_exception_of_the_application_is_a_refusal_or_stays_within() -> None:
    found = set(every_exception(payment_gateway.application))
    assert len(found) > 10
    assert found - WITHIN == {one for one in {**refusals.OTHER, **REFUSALS} if one in found}
    assert not WITHIN & set(refusals.OTHER)


def test_each_exception_of_the_read_side_that_routes_let_through_is_a_refusal() -> None:
    """Those of its workers never meet a request."""
    found = set(every_exception(projections))
    assert found - REFUSALS.keys() - set(DOMAIN_ERRORS) == set()


def test_access_is_refused_with_codes_of_the_table() -> None:
    known = {row.code: row.status for row in error_table.rows()}
    plain = AccessRefused()
    assert known[plain.code] == plain.status == 401
    assert known["forbidden"] == 403
    assert known["too_many_failures"] == 429
    assert known["issuer_unavailable"] == 503


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PaymentNotFound("p"), "payment_not_found"),
        (EventStoreUnavailable("away"), "event_store_unavailable"),
        (StreamMoved("s"), "conflict"),
        (PyMongoError("away"), "read_models_unavailable"),
        (StepRefused("not building"), "read_model_state_conflict"),
    ],
)
def test_the_command_line_tells_the_code_of_rest(error: Exception, code: str) -> None:
    assert code_of(error) == code
    assert str(CannotRun("no", error)) == f"no [{code}]"


def test_the_command_line_tells_no_code_where_there_is_none() -> None:
    assert str(CannotRun("no keys are named", KeySourceMissing())) == "no keys are named"


def test_what_may_be_sent_again_says_so() -> None:
    retryable = {row.code for row in error_table.rows() if row.retryable}
    assert {"conflict", "provider_unavailable", "event_store_unavailable", "not_yet"} <= retryable
    assert not retryable & {"invalid_value", "forbidden", "refund_exceeds_captured"}
