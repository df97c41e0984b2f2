"""Every limit of a request has a name, is described, and holds to the last one: what is at it, and beyond.

The table is the description of the running server: a new field with a limit is in it by itself.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from payment_gateway.domain.value_objects.grant import RoleVO
from payment_gateway.presentation.graphql.queries import PAGE_SIZE_MAX
from payment_gateway.presentation.graphql.query_checks import ROOT_FIELDS_MAX
from payment_gateway.presentation.graphql.schema import ALIASES_MAX, DEPTH_MAX, TOKENS_MAX
from tests.integration.rest.installation import Installation, client
from tests.integration.rest.shop import Shop

ROOT: Final = Path(__file__).parents[3]
DESCRIBED_IN: Final = ("payment_gateway/presentation", "projections")
BOUNDS: Final = frozenset({"max_length", "min_length", "le", "lt", "ge", "gt"})
# Less than this needs no name: nothing, one.
NAMELESS_MAX: Final = 1
# What is there is not to be changed by this, and what is not there is never reached.
NOBODY: Final = {"tenant_id": "nobody", "name": "nonesuch"}
NO_ID: Final = "00000000-0000-5000-8000-000000000000"
# How a value that is beyond a limit is told; whatever else may be wrong with it is told otherwise.
BEYOND: Final = re.compile(r"at (least|most)|(greater|less) than or equal")
LIMITS_MIN: Final = 100


@dataclass(frozen=True)
class Limit:
    """One limit of one operation: of a parameter, or of a field within the body.

    Attributes:
        where: The parameter's place and name, or the way to the field.
        bound: As JSON Schema calls it.
        at: The last value that is let through; ``beyond`` is the first that is not.
    """

    method: str
    path: str
    where: tuple[str | int, ...]
    bound: str
    at: Any
    beyond: Any
    operation: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {'.'.join(map(str, self.where))} {self.bound}"


def values(schema: dict[str, Any], item: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield each bound of a schema with a value at it and one beyond."""
    for bound, described in schema.items():
        is_whole = schema.get("type") == "integer" and bound in {"maximum", "minimum"}
        limit = int(described) if is_whole else described
        match bound:
            case "maxLength" if "pattern" not in schema:
                yield bound, "a" * limit, "a" * (limit + 1)
            case "minLength" if limit == 1:
                yield bound, "a", ""
            case "maxItems":
                yield bound, [item] * limit, [item] * (limit + 1)
            case "minItems":
                yield bound, [item] * limit, [item] * (limit - 1)
            case "maximum":
                yield bound, limit, limit + 1
            case "minimum":
                yield bound, limit, limit - 1
            case _:  # says something else of the value
                pass


class Description:
    """The limits that a server describes."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def limits(self) -> Iterator[Limit]:
        for path, operations in self._document["paths"].items():
            for method, operation in operations.items():
                for where, bound, at, beyond in self._of(operation):
                    yield Limit(method.upper(), path, where, bound, at, beyond, operation)

    def _of(self, operation: dict[str, Any]) -> Iterator[tuple[Any, str, Any, Any]]:
        for given in operation.get("parameters", []):
            parameter = self._resolved(given)
            if parameter["in"] == "query":
                for schema in self._alternatives(parameter["schema"]):
                    for found in values(schema, None):
                        yield ("query", parameter["name"]), *found
        for content in operation.get("requestBody", {}).get("content", {}).values():
            yield from self._within(content["schema"], content.get("example"), ())

    def _within(
        self, schema: dict[str, Any], example: Any, where: tuple[str | int, ...]
    ) -> Iterator[tuple[Any, str, Any, Any]]:
        for one in self._alternatives(schema):
            item = example[0] if isinstance(example, list) and example else "a"
            if where:
                for found in values(one, item):
                    yield where, *found
            for name, inner in one.get("properties", {}).items():
                shown = example.get(name) if isinstance(example, dict) else None
                yield from self._within(inner, shown, (*where, name))
            if "items" in one and isinstance(example, list) and example:
                yield from self._within(one["items"], example[0], (*where, 0))

    def _alternatives(self, schema: dict[str, Any]) -> list[dict[str, Any]]:
        found = self._resolved(schema)
        return [self._resolved(one) for one in found.get("anyOf", [found])]

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        found = schema
        while "$ref" in found:  # ends: a description refers to no circles
            _, *names = found["$ref"].split("/")
            found = self._document
            for name in names:
                found = found[name]
        return found


@pytest.fixture
async def caller(installation: Installation, shop: Shop) -> AsyncGenerator[httpx.AsyncClient]:
    """Ask as somebody who may do anything, for all tenants or, where that cannot be, for acme."""
    url, made = installation.url, {}
    async with client(url, headers=installation.authorization("admin")) as admin:
        for tenant, roles in {"acme": list(RoleVO), "*": ["operator", "admin", "auditor"]}.items():
            body = {"tenantId": tenant, "roles": roles}
            made[tenant] = (await admin.post("/api/v1/apikeys", json=body)).json()["key"]
    async with client(url, headers={"Authorization": f"Bearer {made['acme']}"}) as asking:
        asking.headers["x-of-all"] = made["*"]
        yield asking


async def detail(caller: httpx.AsyncClient, limit: Limit, value: Any) -> str:
    """Send a value where the limit is and return how it is refused; nothing where it is not."""
    path = re.sub(r"\{([A-Za-z_:]+)\}", lambda found: NOBODY.get(found[1], NO_ID), limit.path)
    query, body = {}, None
    contents = list(limit.operation.get("requestBody", {}).get("content", {}).values())
    if contents:
        body = copy.deepcopy(contents[0].get("example") or {})
    if limit.where[0] == "query":
        query = {str(limit.where[1]): value}
    else:
        put(body, limit.where, value)
    headers = {}
    if "/deadletters" in path or "verif" in path:  # of all tenants alone
        headers["Authorization"] = f"Bearer {caller.headers['x-of-all']}"
    answer = await caller.request(limit.method, path, params=query, json=body, headers=headers)
    # Where no read models are built, none answer.
    assert answer.status_code in {503, *range(500)}, f"{limit}: {answer.text}"
    found = answer.json() if answer.content else {}
    return f"{answer.status_code} {found.get('detail', '')}" if "detail" in found else ""


def put(body: Any, where: tuple[str | int, ...], value: Any) -> None:
    *way, last = where
    for step in way:
        if isinstance(body, dict) and body.get(step) is None:
            body[step] = {"reference": "customer-1"}  # the one object that no example has
        body = body[step]
    body[last] = value


async def test_what_is_at_a_limit_is_let_through_and_what_is_beyond_is_not(
    caller: httpx.AsyncClient,
) -> None:
    limits = list(Description((await caller.get("/openapi.json")).json()).limits())
    assert len(limits) >= LIMITS_MIN
    wrong = []
    for limit in limits:
        beyond = await detail(caller, limit, limit.beyond)
        if not (beyond.startswith("422") and BEYOND.search(beyond)):
            wrong.append(f"{limit}: beyond it: {beyond or 'done'}")
        at = await detail(caller, limit, limit.at)
        if BEYOND.search(at):
            wrong.append(f"{limit}: at it: {at}")
    assert not wrong, "\n".join(wrong)


def deep(levels: int) -> str:
    return "payments(first: 1) " + "{ a " * (levels - 1) + "{ b }" + " }" * (levels - 1)


def aliases(many: int) -> str:
    return "providers { " + " ".join(f"p{n}: enabled" for n in range(many)) + " }"


def root_fields(many: int) -> str:
    return " ".join(f"p{n}: providers {{ enabled }}" for n in range(many))


def tokens(many: int) -> str:
    """Return so many with the two braces around them, and those of the field."""
    return "providers { " + "enabled " * (many - 5) + "}"


def page(size: int) -> str:
    return f"payments(first: {size}) {{ edges {{ cursor }} }}"


@pytest.mark.parametrize(
    ("query", "limit", "told"),
    [
        (root_fields, ROOT_FIELDS_MAX, "asks for at most"),
        (aliases, ALIASES_MAX, "aliases"),
        (tokens, TOKENS_MAX, "tokens"),
        (deep, DEPTH_MAX, "exceeds maximum operation depth"),
        (page, PAGE_SIZE_MAX, "is between"),
    ],
)
async def test_a_query_at_a_limit_is_not_refused_for_it_and_one_beyond_is(
    caller: httpx.AsyncClient, query: Callable[[int], str], limit: int, told: str
) -> None:
    beyond = await caller.post("/graphql", json={"query": f"{{ {query(limit + 1)} }}"})
    messages = [one["message"] for one in beyond.json()["errors"]]
    assert any(told in one for one in messages), messages
    at = await caller.post("/graphql", json={"query": f"{{ {query(limit)} }}"})
    messages = [one["message"] for one in at.json().get("errors", [])]
    assert not any(told in one for one in messages), messages


def test_no_limit_of_a_request_is_a_number_without_a_name() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{word.value.lineno} {word.arg}={word.value.value}"
        for folder in DESCRIBED_IN
        for file in sorted((ROOT / folder).rglob("*.py"))
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call)
        for word in call.keywords
        if word.arg in BOUNDS
        and isinstance(word.value, ast.Constant)
        and isinstance(word.value.value, int | float)
        and word.value.value > NAMELESS_MAX
    ]
    assert not found, "\n".join(found)
