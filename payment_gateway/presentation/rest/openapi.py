"""The description of the interface, ``/openapi.json``, completed by what all operations have in common.

A route says what its bodies are. Here it is said, for every route alike, who may call it, how it can be
refused, which headers it takes and answers with, what it is called, and an example of each body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute

from payment_gateway.domain.value_objects.idempotency_key import LENGTH_MAX
from payment_gateway.presentation.rest.access_rules import RULES, Roles
from payment_gateway.presentation.rest.error_table import ErrorRow, rows
from payment_gateway.presentation.rest.idempotency import is_idempotent
from payment_gateway.presentation.rest.openapi_examples import ANSWERS, TEXTS, example_of
from payment_gateway.presentation.rest.openapi_operations import OPERATION_IDS, TAGS, summary_of
from payment_gateway.presentation.rest.request_context import takes_no_key
from payment_gateway.presentation.rest.schemas import Problem

Operation = dict[str, Any]

JSON: Final = "application/json"
PROBLEM_JSON: Final = "application/problem+json"
# Commands of these groups say where what they are about is now, and heed where it is believed to be.
_STAMPED: Final = frozenset({"payments", "providers", "tenants", "api keys", "webhook endpoints"})
QUERIES: Final = "queries"
_OF_THE_FRAMEWORK: Final = ("HTTPValidationError", "ValidationError")


def _header(description: str, example: object, kind: str = "string") -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}, "example": example}


HEADERS: Final[dict[str, dict[str, Any]]] = {
    "X-Request-Id": _header("Names this request in logs and events.", "0198c5d0-7c1e-7b43"),
    "Consistency-Token": _header("Sent with a query, it shows at least this state.", "AQAAE"),
    "Preference-Applied": _header("How long the query was ready to wait.", "wait=10"),
    "ETag": _header("The revision of what was asked for or changed.", '"3"'),
    "Idempotent-Replayed": _header("The answer is that of the first time.", "true"),
    "Retry-After": _header("After so many seconds the same may be sent again.", 5, "integer"),
    "RateLimit": _header("What is left: r requests, all again after t seconds.", '"key";r=9;t=1'),
    "RateLimit-Policy": _header("What may be sent: q requests in w seconds.", '"key";q=10;w=1'),
    "WWW-Authenticate": _header("How to say who calls.", "Bearer"),
    "Location": _header("Where the payer's browser goes on.", "https://shop.example/paid"),
}
IDEMPOTENCY_KEY: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same request with the same key is carried out once and answered again as it was.",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": LENGTH_MAX,
        "pattern": "^[!-~]([ -~]*[!-~])?$",
    },
    "example": "order-1001-attempt-1",
}
IF_MATCH: Final[dict[str, Any]] = {
    "name": "If-Match",
    "in": "header",
    "description": "Carry it out only while what it is about has this `ETag`, or one of these.",
    "schema": {"type": "string", "pattern": r'^(\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*"){0,19})$'},
    "example": '"3"',
}
IF_NONE_MATCH: Final[dict[str, Any]] = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of an answer that is there already: unchanged, it is not sent again.",
    "schema": {"type": "string"},
    "example": 'W/"3f0e8a527d1c"',
}
SECURITY: Final[dict[str, Any]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, or a token of a configured OpenID Connect issuer.",
    }
}


class DescribedApi(FastAPI):
    """An application whose ``openapi()`` is complete."""

    def openapi(self) -> dict[str, Any]:
        """Return the document; it is made once, and again when there are other routes."""
        known = self.openapi_schema
        document = super().openapi()
        if document is not known:
            complete(document, self.routes)
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class _Described:
    """One operation: its name in ``access_rules``, what the document has of it, what answers it."""

    name: str
    operation: Operation
    endpoint: Callable[..., Any]


def complete(document: dict[str, Any], routes: Sequence[BaseRoute]) -> None:
    """Say in a document what all its operations have in common."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in _OF_THE_FRAMEWORK:
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema()
    components["securitySchemes"] = SECURITY
    components["headers"] = HEADERS
    components["responses"] = _problems()
    document["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    for described in _described(document, routes):
        _name(described)
        _add_parameters(described)
        _add_refusals(described)
        _add_headers(described)
        _add_examples(described.operation, schemas)


def _described(document: dict[str, Any], routes: Sequence[BaseRoute]) -> Iterator[_Described]:
    for route in iter_route_contexts(routes):
        if not isinstance(route.original_route, APIRoute) or not route.include_in_schema:
            continue
        assert route.path_format is not None, "what is described has a path"
        assert route.endpoint is not None, "and answers"
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            yield _Described(
                name=f"{method} {route.path}", operation=operation, endpoint=route.endpoint
            )


def _name(described: _Described) -> None:
    operation = described.operation
    operation["operationId"] = OPERATION_IDS.get(described.name, operation["operationId"])
    operation["summary"] = summary_of(operation["operationId"])
    is_guarded = isinstance(RULES.get(described.name), Roles)
    operation["security"] = [{"bearer": []}] if is_guarded else []


def _add_parameters(described: _Described) -> None:
    if is_idempotent(described.endpoint):
        described.operation.setdefault("parameters", []).extend([IDEMPOTENCY_KEY, IF_MATCH])
    if QUERIES in described.operation["tags"]:
        described.operation.setdefault("parameters", []).append(IF_NONE_MATCH)


def _add_refusals(described: _Described) -> None:
    responses = described.operation["responses"]
    declared = {
        int(status)
        for status, response in responses.items()
        if int(status) >= 400 and JSON not in response.get("content", {})
    }
    # The framework's own 422 is of another shape.
    responses.pop("422", None)
    for status in sorted(declared | _refusals(described)):
        responses[str(status)] = {"$ref": f"#/components/responses/Refused{status}"}


def _refusals(described: _Described) -> set[int]:
    """Return the statuses with which an operation can be refused."""
    operation, (method, _, path) = described.operation, described.name.partition(" ")
    statuses: set[int] = set()
    if isinstance(RULES.get(described.name), Roles):
        statuses |= {401, 403, 503}
    if not takes_no_key(path):
        statuses.add(429)
    if method != "GET":
        statuses.add(413)
    if JSON in operation.get("requestBody", {}).get("content", {}):
        statuses |= {400, 422}
    if operation.get("parameters"):
        statuses.add(422)
    if "{" in path or any(one["name"] == "tenantId" for one in operation.get("parameters", [])):
        statuses.add(404)
    if is_idempotent(described.endpoint):
        statuses |= {404, 409, 412, 422}
    return statuses


def _add_headers(described: _Described) -> None:
    operation, path = described.operation, described.name.partition(" ")[2]
    names = ["X-Request-Id"]
    if not takes_no_key(path):
        names += ["RateLimit", "RateLimit-Policy"]
    if is_idempotent(described.endpoint):
        names += ["Idempotent-Replayed", "Consistency-Token"]
        if _STAMPED.intersection(operation["tags"]):
            names += ["ETag"]
    elif _STAMPED.intersection(operation["tags"]) and path.endswith("}"):
        names += ["Consistency-Token", "ETag"]
    elif any(one["name"] == "Consistency-Token" for one in operation.get("parameters", [])):
        names += ["Consistency-Token"]
    if any(one["name"] == "Prefer" for one in operation.get("parameters", [])):
        names += ["Preference-Applied"]
    if QUERIES in operation["tags"]:
        names += ["ETag"]
        operation["responses"]["304"] = {"description": "Not changed since `If-None-Match`"}
    for status, response in operation["responses"].items():
        if "$ref" not in response:
            found = [*names, "Location"] if status == "303" else names
            response["headers"] = {name: _reference("headers", name) for name in found}


def _problems() -> dict[str, Any]:
    """Return how a request is refused, by status, with an example of each code."""
    by_status: dict[int, list[ErrorRow]] = {}
    for row in rows():
        if row.status < 400:  # told by GraphQL, which is not described here
            continue
        by_status.setdefault(row.status, []).append(row)
    return {f"Refused{status}": _problem(status, found) for status, found in by_status.items()}


def _problem(status: int, found: Sequence[ErrorRow]) -> dict[str, Any]:
    headers = ["X-Request-Id"]
    headers += ["Retry-After"] if status in {429, 503} else []
    headers += ["RateLimit", "RateLimit-Policy"] if status == 429 else []
    headers += ["WWW-Authenticate"] if status == 401 else []
    content = {
        "schema": _reference("schemas", "Problem"),
        "examples": {row.code: {"summary": row.meaning, "value": _example(row)} for row in found},
    }
    codes = ", ".join(f"`{row.code}`" for row in found)
    return {
        "description": f"Refused: {codes}",
        "headers": {name: _reference("headers", name) for name in headers},
        "content": {PROBLEM_JSON: content},
    }


def _example(row: ErrorRow) -> dict[str, Any]:
    return {
        "type": f"/docs/errors#{row.code}",
        "title": row.code.replace("_", " "),
        "status": row.status,
        "detail": row.meaning,
        "instance": "/api/v1/payments/complete",
        "code": row.code,
        "retryable": row.retryable,
        "requestId": "0198c5d0-7c1e-7b43-8a55-0c8f6a1d2e3f",
    }


def _reference(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _add_examples(operation: Operation, schemas: dict[str, Any]) -> None:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        if "example" not in content:
            content["example"] = example_of(content["schema"], schemas)
    for status, response in operation["responses"].items():
        key = f"{operation['operationId']} {status}"
        for kind, content in response.get("content", {}).items():
            told = TEXTS.get(kind) or ANSWERS.get(key)
            content["example"] = told or example_of(content["schema"], schemas)
