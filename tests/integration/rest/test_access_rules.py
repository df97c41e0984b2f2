"""The one table of who may call what, against the routes that there are and against the running server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from payment_gateway.asgi import application
from payment_gateway.domain.value_objects.grant import RoleVO
from payment_gateway.presentation.rest.access import RoleCheck
from payment_gateway.presentation.rest.access_rules import RULES, Asks, Public, Roles
from tests.integration.rest.installation import Installation, client
from tests.integration.rest.shop import Shop

PARAMETERS = {
    "{paymentId}": "00000000-0000-5000-8000-000000000000",
    "{splitId}": "00000000-0000-5000-8000-000000000000",
    "{orderId:path}": "order-1",
    "{tenant_id}": "acme",
    "{provider}": "paypal",
    "{payment_id}": "00000000-0000-5000-8000-000000000000",
    "{id}": "none",
    "{name}": "nonesuch",
}
ROUTES_MIN = 25


def every_route(listed: Iterable[BaseRoute], prefix: str = "") -> Iterator[tuple[str, BaseRoute]]:
    """Yield path and route, those of included routers too."""
    for route in listed:
        if (router := getattr(route, "original_router", None)) is not None:
            assert isinstance(router, APIRouter)
            yield from every_route(router.routes, prefix + route.include_context.prefix)  # type: ignore[attr-defined]  # FastAPI gives the wrapper no public type
        else:
            yield prefix + str(getattr(route, "path", route)), route


def routes(installation: Installation) -> Iterator[tuple[str, BaseRoute]]:
    """Yield every operation of the real application, as the table names it."""
    for path, route in every_route(application(installation.settings).routes):
        if isinstance(route, WebSocketRoute | APIWebSocketRoute):
            yield f"WEBSOCKET {path}", route
            continue
        if isinstance(route, Mount):
            yield f"GET {path}", route
            continue
        assert isinstance(route, Route | APIRoute), f"{path}: give this kind of route a rule too"
        for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
            yield f"{method} {path}", route


def role_checks(dependant: Dependant) -> Iterator[RoleCheck]:
    if isinstance(dependant.call, RoleCheck):
        yield dependant.call
    for below in dependant.dependencies:
        yield from role_checks(below)


class TestTable:
    def test_has_a_rule_for_each_route_and_no_other(self, installation: Installation) -> None:
        found = [name for name, _ in routes(installation)]
        assert len(found) == len(set(found)) >= ROUTES_MIN
        assert set(found) == set(RULES), "give each route a line in access_rules.RULES"

    def test_says_what_the_routes_check(self, installation: Installation) -> None:
        for name, route in routes(installation):
            checks = list(role_checks(route.dependant)) if isinstance(route, APIRoute) else []
            match RULES[name]:
                case Public(why):
                    assert checks == [], name
                    assert why
                case Asks():
                    assert checks == [], name
                case Roles(roles):
                    assert [check.roles for check in checks] == [roles], name

    def test_names_roles_that_there_are(self) -> None:
        named = {role for rule in RULES.values() if isinstance(rule, Roles) for role in rule.roles}
        assert named <= set(RoleVO)

    def test_leaves_nothing_below_api_public_but_what_is_signed(self) -> None:
        public = [name for name, rule in RULES.items() if isinstance(rule, Public)]
        inside = [name for name in public if " /api/" in name]
        assert inside
        assert all("/api/v1/webhooks/p" in name for name in inside)


@pytest.fixture(scope="module")
def keys_of_roles(installation: Installation) -> dict[str, str]:
    """Return a key for each role, each of the tenant ``acme``, made over REST."""

    async def make() -> dict[str, str]:
        async with client(installation.url, headers=installation.authorization("admin")) as admin:
            made: dict[str, Any] = {}
            for role in RoleVO:
                body = {"tenantId": "acme", "roles": [role.value], "name": f"only {role}"}
                answer = await admin.post("/api/v1/apikeys", json=body)
                assert answer.status_code == 201, answer.text
                made[role.value] = answer.json()["key"]
            return made

    return asyncio.run(make())


GUARDED = sorted((name, rule) for name, rule in RULES.items() if isinstance(rule, Roles))


class TestMatrix:
    @pytest.mark.parametrize("role", list(RoleVO))
    async def test_each_role_reaches_what_the_table_says_and_nothing_else(
        self, shop: Shop, keys_of_roles: dict[str, str], role: RoleVO
    ) -> None:
        headers = {"Authorization": f"Bearer {keys_of_roles[role]}"}
        async with client(shop.installation.url, headers=headers) as api:
            answers = await asyncio.gather(*(ask(api, name) for name, _ in GUARDED))
        for (name, rule), (status, code) in zip(GUARDED, answers, strict=True):
            refused = (status, code) == (403, "forbidden")
            assert refused is (role not in rule.roles), (role, name, status, code)
            assert status not in {401, 500}, (role, name, status, code)

    async def test_without_a_key_each_guarded_route_is_401(self, shop: Shop) -> None:
        async with client(shop.installation.url) as anonymous:
            answers = await asyncio.gather(*(ask(anonymous, name) for name, _ in GUARDED))
        assert set(answers) == {(401, "unauthorized")}

    async def test_what_asks_rest_does_nothing_without_a_key(self, shop: Shop) -> None:
        async with client(shop.installation.url) as anonymous:
            for name, rule in RULES.items():
                if isinstance(rule, Asks) and not name.startswith("WEBSOCKET"):
                    method, _, path = name.partition(" ")
                    form = {"csrf": "c", "idempotencyKey": "k", "provider": "PAYPAL"}
                    path = path.replace("{payment_id}", PARAMETERS["{paymentId}"])
                    sent = form if method == "POST" else None
                    answer = await anonymous.request(method, path, data=sent)
                    led = answer.headers.get("location") == "/dashboard/login"
                    assert led or answer.status_code == 401, (name, answer.status_code)

    async def test_what_is_public_asks_for_no_key(self, shop: Shop) -> None:
        async with client(shop.installation.url) as anonymous:
            for name, rule in RULES.items():
                if isinstance(rule, Public):
                    status, code = await ask(anonymous, name)
                    assert code not in {"unauthorized", "forbidden"}, (name, status)


async def ask(api: Any, name: str) -> tuple[int, str | None]:
    """Send what the route takes as little of as it can: an empty object, ids of nothing."""
    method, _, path = name.partition(" ")
    for parameter, value in PARAMETERS.items():
        path = path.replace(parameter, value)
    # Deleting is asked for with a reason that is refused: whoever may do it gets as far as that.
    query = {"reason": ""} if method == "DELETE" else None
    body: dict[str, object] | None = {} if method in {"POST", "PATCH"} else None
    answer = await api.request(method, path, json=body, params=query)
    is_problem = answer.headers.get("content-type", "").startswith("application/problem+json")
    return answer.status_code, answer.json()["code"] if is_problem else None
