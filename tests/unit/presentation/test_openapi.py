"""The description of the interface: valid, with an example of every body, and complete in its refusals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate

from payment_gateway.asgi import application
from payment_gateway.infrastructure.security.api_keys import write_api_keys_file
from payment_gateway.infrastructure.security.key_file import read_or_create_key_file
from payment_gateway.presentation.rest.access_rules import RULES, Public, Roles
from payment_gateway.presentation.rest.error_table import rows
from payment_gateway.presentation.rest.openapi_operations import OPERATION_IDS, TAGS
from payment_gateway.settings import Settings

PROBLEM = "application/problem+json"
BODIES_MIN = 70


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("openapi")
    read_or_create_key_file(folder / "master.key")
    write_api_keys_file(folder / "keys.json", [])
    settings = Settings(
        encryption_key_file=folder / "master.key", api_keys_file=folder / "keys.json"
    )
    described: dict[str, Any] = application(settings).openapi()
    return described


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def followed(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Return a part of the document, or what it refers to."""
    found: Any = part
    if "$ref" in part:
        found = document
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
    return dict(found)


def bodies(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the content of every request and every answer, refusals too."""
    for name, operation in operations(document):
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{name} takes {kind}", content
        for status, response in operation["responses"].items():
            for kind, content in followed(document, response).get("content", {}).items():
                yield f"{name} answers {status} {kind}", content


def rule_of(name: str) -> object:
    """Return who may call an operation; the document does not say how a parameter is read."""
    return {re.sub(r":\w+}", "}", named): rule for named, rule in RULES.items()}[name]


def test_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_each_operation_has_a_name_of_its_own_and_a_summary(document: dict[str, Any]) -> None:
    found = dict(operations(document))
    ids = [operation["operationId"] for operation in found.values()]
    assert sorted(ids) == sorted(OPERATION_IDS.values()), "name it in openapi_operations"
    assert len(ids) == len(set(ids))
    summaries = [operation["summary"] for operation in found.values()]
    assert len(summaries) == len(set(summaries))
    assert all(operation["description"] for operation in found.values())


def test_each_operation_is_in_one_group_that_says_what_it_is(document: dict[str, Any]) -> None:
    told = {tag["name"] for tag in document["tags"]}
    used = [operation["tags"] for _, operation in operations(document)]
    assert told == {tag for tags in used for tag in tags} == set(TAGS)
    assert {len(tags) for tags in used} == {1}


def test_each_operation_takes_a_key_or_is_public_on_purpose(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for name, operation in operations(document):
        match rule_of(name):
            case Roles():
                assert operation["security"] == [{"bearer": []}], name
                assert {"401", "403", "429", "503"} <= set(operation["responses"]), name
            case Public():
                assert operation["security"] == [], name
            case other:
                pytest.fail(f"{name}: {other}")


def test_each_body_has_an_example_that_is_what_the_schema_says(document: dict[str, Any]) -> None:
    seen = 0
    for name, content in bodies(document):
        examples = [one["value"] for one in content.get("examples", {}).values()]
        examples += [content["example"]] if "example" in content else []
        assert examples, name
        schema = {**content["schema"], "components": document["components"]}
        checked = Draft202012Validator(schema, format_checker=FormatChecker())
        for example in examples:
            seen += 1
            problems = [f"{one.json_path}: {one.message}" for one in checked.iter_errors(example)]
            assert not problems, (name, problems)
    assert seen > BODIES_MIN


def test_each_refusal_is_a_problem(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        refusals = {s: one for s, one in operation["responses"].items() if int(s) >= 400}
        for status, response in refusals.items():
            if (name, status) != ("GET /readyz", "503"):  # which dependency it is
                assert list(followed(document, response)["content"]) == [PROBLEM], (name, status)


def test_no_operation_is_described_as_failing(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert not {"500", "502", "504"} & set(operation["responses"]), name


def test_each_code_that_rest_answers_is_an_example_of_its_status(document: dict[str, Any]) -> None:
    for row in rows():
        if row.status < 400:
            continue  # GraphQL's alone
        content = document["components"]["responses"][f"Refused{row.status}"]["content"]
        assert row.code in content[PROBLEM]["examples"]


def test_what_may_come_again_later_says_when(document: dict[str, Any]) -> None:
    for status in (429, 503):
        assert "Retry-After" in document["components"]["responses"][f"Refused{status}"]["headers"]
    assert "RateLimit" in document["components"]["responses"]["Refused429"]["headers"]


def test_each_command_heeds_the_headers_of_a_command(document: dict[str, Any]) -> None:
    commands = [
        (name, operation)
        for name, operation in operations(document)
        if not name.startswith("GET ") and isinstance(rule_of(name), Roles)
    ]
    for name, operation in commands:
        taken = {one["name"] for one in operation["parameters"] if one["in"] == "header"}
        assert {"Idempotency-Key", "If-Match"} <= taken, name
        answers = [one for s, one in operation["responses"].items() if int(s) < 300]
        assert all("Idempotent-Replayed" in one["headers"] for one in answers), name
        assert {"409", "412", "413", "422"} <= set(operation["responses"]), name
    assert len(commands) > 20


def test_each_list_is_data_and_the_cursor_of_the_next_page(document: dict[str, Any]) -> None:
    lists = 0
    for name, operation in operations(document):
        if not name.startswith("GET "):
            continue
        content = operation["responses"]["200"].get("content", {}).get("application/json")
        fields = followed(document, content["schema"]).get("properties", {}) if content else {}
        if "data" in fields and fields["data"].get("type") == "array":
            assert fields.keys() == {"data", "nextCursor"}, name
            lists += 1
        assert "nextCursor" not in fields or "data" in fields, name
    assert lists > 10


def test_no_field_is_accepted_that_is_not_described(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            schema = followed(document, content["schema"])
            is_signed = "/webhooks/" in name  # the provider says what is in it
            assert is_signed or schema["additionalProperties"] is False, name


def test_each_list_and_each_text_of_a_request_has_a_limit(document: dict[str, Any]) -> None:
    def unlimited(schema: dict[str, Any], path: str) -> Iterator[str]:
        schema = followed(document, schema)
        is_bounded = "maxLength" in schema or "enum" in schema or "const" in schema
        is_bounded = is_bounded or schema.get("format") == "date-time" or "pattern" in schema
        if schema.get("type") == "string" and not is_bounded:
            yield path
        if schema.get("type") == "array" and "maxItems" not in schema:
            yield path
        inner = [*schema.get("anyOf", []), *([schema["items"]] if "items" in schema else [])]
        for one in inner:
            yield from unlimited(one, path)
        for field, one in schema.get("properties", {}).items():
            yield from unlimited(one, f"{path}.{field}")

    for name, operation in operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert list(unlimited(content["schema"], name)) == []


def test_amounts_are_numbers_or_decimal_texts(document: dict[str, Any]) -> None:
    amount = document["components"]["schemas"]["InitiateBody"]["properties"]["amount"]
    assert [one["type"] for one in amount["anyOf"]] == ["number", "string"]
