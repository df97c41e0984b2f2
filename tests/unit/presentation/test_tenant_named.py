"""Which tenant a query is about, for each kind of key."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from payment_gateway.domain.errors import InvalidValue
from payment_gateway.presentation.rest.access import AccessRefused, Caller, requires
from payment_gateway.presentation.rest.tenant_named import of_one_tenant


def caller(tenant_id: str) -> Caller:
    return Caller(actor="apikey:k", tenant_id=tenant_id, roles=frozenset({"auditor"}))


@pytest.mark.parametrize(
    ("key", "named", "expected"),
    [("acme", None, "acme"), ("acme", "acme", "acme"), ("*", "acme", "acme")],
)
def test_a_key_speaks_for_its_tenant_and_one_of_all_tenants_for_the_named(
    key: str, named: str | None, expected: str
) -> None:
    assert of_one_tenant("auditor")(caller(key), named).tenant_id == expected


def test_a_key_does_not_speak_for_another_tenant() -> None:
    with pytest.raises(AccessRefused) as refused:
        of_one_tenant("auditor")(caller("acme"), "other")

    assert refused.value.status == 403


@pytest.mark.parametrize(("key", "named"), [("*", None), ("*", "*"), ("*", "No Tenant")])
def test_a_key_of_all_tenants_has_to_name_one(key: str, named: str | None) -> None:
    with pytest.raises(InvalidValue):
        of_one_tenant("auditor")(caller(key), named)


def test_what_is_about_all_tenants_is_for_a_key_of_all_tenants_alone() -> None:
    allowed = of_one_tenant("auditor", or_all=True)

    assert allowed(caller("*"), "*").tenant_id == "*"
    with pytest.raises(AccessRefused):
        allowed(caller("acme"), "*")


def test_another_role_does_not_do() -> None:
    request = Request({"type": "http", "caller": caller("acme")})

    with pytest.raises(AccessRefused, match="operator"):
        requires("operator")(request)
