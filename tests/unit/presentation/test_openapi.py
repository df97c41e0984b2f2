"""The description of the interface: valid, with an example of every body, and complete in its refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import validate

from payment_gateway.asgi import application
from payment_gateway.infrastructure.security.api_keys import write_api_keys_file
from payment_gateway.infrastructure.security.key_file import read_or_create_key_file
from payment_gateway.settings import Settings


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


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = document["components"]["schemas"][name] if name else schema
    return found


def test_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_each_request_body_has_an_example_of_each_field_that_must_be_there(
    document: dict[str, Any],
) -> None:
    bodies = 0
    for name, operation in operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            bodies += 1
            schema = resolved(document, content["schema"])
            for field in schema.get("required", ()):
                described = resolved(document, schema["properties"][field])
                assert described.get("examples"), f"{name}: {field}"
    assert bodies >= 6


def test_no_field_is_accepted_that_is_not_described(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            schema = resolved(document, content["schema"])
            assert schema["additionalProperties"] is False, name


def test_each_payment_command_describes_its_refusals(document: dict[str, Any]) -> None:
    for name in ("initiate", "complete", "refund", "cancel", "split"):
        responses = document["paths"][f"/api/v1/payments/{name}"]["post"]["responses"]
        for status in ("400", "401", "403", "404", "409", "413", "422", "503"):
            assert "application/problem+json" in responses[status]["content"], (name, status)


def test_amounts_are_numbers_or_decimal_texts(document: dict[str, Any]) -> None:
    amount = document["components"]["schemas"]["InitiateBody"]["properties"]["amount"]
    assert [one["type"] for one in amount["anyOf"]] == ["number", "string"]
