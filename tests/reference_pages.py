"""The reference pages that are written by the code itself: settings, events, error codes, metrics, GraphQL.

After a change in the code, renew them with ``.venv/bin/python -m tests.reference_pages``.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from pydantic.alias_generators import to_camel

from payment_gateway.domain.events.payment import PaymentItem
from payment_gateway.domain.events.provider import ProviderCurrency
from payment_gateway.domain.events.split import SplitPart
from payment_gateway.infrastructure.persistence.event_types import EVENT_TYPES
from payment_gateway.presentation.graphql.schema import SCHEMA
from payment_gateway.presentation.rest.error_table import rows
from payment_gateway.settings import Settings
from tests.metrics_page import metrics_text

FOLDER: Final = Path(__file__).parents[1] / "docs" / "reference"
RENEW: Final = ".venv/bin/python -m tests.reference_pages"
_WRITTEN: Final = f"<!-- Written by the code; renew with: {RENEW} -->\n"

# How streams are named, by the module that has their events.
STREAMS: Final = {
    "payment": "payment-<paymentId>",
    "split": "saga-<splitId>",
    "credential": "credential-<tenantId>.<PROVIDER>",
    "provider": "provider-<tenantId>.<PROVIDER>",
    "tenant": "tenant-<tenantId>",
    "api_key": "apikey-<apiKeyId>",
    "webhook": "webhook-<provider>.<deliveryId>",
    "idempotency": "idempotency-<hash>",
    "webhook_endpoint": "endpoint-<endpointId>",
    "webhook_delivery": "delivery-<deliveryId>",
    "subject": "subject-<subjectId>",
    "erasure": "erasure-<subjectId>",
    "canary": "canary-gateway",
    "dead_letter": "deadletter-<subscription>",
    "read_model": "projection-<readModel>",
}
_GRAPHQL: Final = """# GraphQL

`POST /graphql` takes a query and its variables as JSON, with the same `Authorization: Bearer KEY` as REST, and the same
`Idempotency-Key`, `Consistency-Token` and `Prefer: wait`. What a mutation does, and how it is refused, is what the REST
command of its name does; an error has REST's code in `extensions.code`. An outcome that is not known yet is the error
`outcome_unknown` with `extensions.paymentId`.

An operation asks for at most ten things at its root, and a page has at most a hundred payments. A number is taken exactly
as it is written; one with more digits than a `Float` keeps is refused.

The subscription yields each event once and in order, from what `GET /api/v1/events` streams, and counts as such a stream.
It ends with an error a few seconds after its key was revoked. It runs over WebSocket with the
protocol `graphql-transport-ws`; the key is in the first message,
`{"type": "connection_init", "payload": {"Authorization": "Bearer KEY"}}`.

## The schema

As a file, for what generates clients: [schema.graphql](schema.graphql).

"""
_JSON_TYPES: Final = {
    "str": "string",
    "int": "integer",
    "bool": "boolean",
    "datetime": "time, RFC 3339 in UTC",
    "PaymentItem": "item",
    "ProviderCurrency": "currency with bound",
    "SplitPart": "part",
}


def generated_pages() -> dict[str, str]:
    """Return the text of each generated page by its file name."""
    return {
        "settings.md": settings_page(),
        "events.md": events_page(),
        "errors.md": errors_page(),
        "graphql.md": graphql_page(),
        "schema.graphql": f"# Written by the code; renew with: {RENEW}\n\n{SCHEMA.as_str()}\n",
        "metrics.md": f"{_WRITTEN}{metrics_text()}",
    }


def graphql_page() -> str:
    """Return the GraphQL schema with what is to be known beside it."""
    return f"{_WRITTEN}{_GRAPHQL}```graphql\n{SCHEMA.as_str()}\n```\n"


def settings_page() -> str:
    """Return the table of all settings."""
    meanings = _attributes(Settings)
    properties: dict[str, dict[str, Any]] = Settings.model_json_schema()["properties"]
    lines = []
    for name in Settings.model_fields:
        schema = _without_null(properties[name])
        default = properties[name].get("default")
        shown = "not set" if default in (None, []) else f"`{_default_of(name)}`"
        meaning = meanings.get(name) or _words(name)
        lines.append(f"| `GATEWAY_{name.upper()}` | {_bounds(schema)} | {shown} | {meaning} |")
    return (
        f"{_WRITTEN}# Settings\n\n"
        "Every process reads its settings from environment variables, and from nowhere else. An empty variable counts as\n"
        "not set. A value out of bounds stops the process with one line that names the variable.\n"
        "`payment-gateway doctor` prints what a process would see.\n\n"
        "| variable | value | default | meaning |\n|---|---|---|---|\n" + "\n".join(lines) + "\n"
    )


def events_page() -> str:
    """Return every event there is, by the kind of stream it stands in."""
    introduction = (
        f"{_WRITTEN}# Events\n\n"
        "What is stored, under which name, in which version. A name is never reused and a field never changes its\n"
        "meaning; a new version of an event is a new line in the code, and older ones are converted when they are read.\n"
        "Keys are camelCase. Fields that end in `Minor` count minor units of the currency (cents). Beside its data each\n"
        "event carries metadata: `tenantId`, `actor`, `recordedAt`, `schemaVersion`, `$correlationId`, and where known\n"
        "`$causationId` and `traceparent`. An administrative act may have a `reason` there.\n"
    )
    parts = [introduction]
    for module, types in groupby(EVENT_TYPES, key=lambda one: one.event.__module__):
        parts.append(f"\n## Streams `{STREAMS[module.rpartition('.')[2]]}`\n")
        for one in types:
            parts.append(f"\n### {one.name}\n\nVersion {one.version}. {_summary(one.event)}\n")
            parts.append(_field_table(one.event))
    parts.append(f"\n## Item\n\nOne entry of `items`. {_summary(PaymentItem)}\n")
    parts.append(_field_table(PaymentItem))
    parts.append(
        f"\n## Currency with bounds\n\nOne entry of `currencies`. {_summary(ProviderCurrency)}\n"
    )
    parts.append(_field_table(ProviderCurrency))
    parts.append(f"\n## Part\n\nOne entry of `parts`. {_summary(SplitPart)}\n")
    parts.append(_field_table(SplitPart))
    return "".join(parts)


def errors_page() -> str:
    """Return the table of all error codes."""
    lines = [
        f'| <a id="{row.code}"></a>`{row.code}` | {row.status} | {"yes" if row.retryable else "no"} '
        f"| {_cell(row.meaning)} |"
        for row in rows()
    ]
    return (
        f"{_WRITTEN}# Errors\n\n"
        "Every refusal is `application/problem+json` (RFC 9457) with the members `type`, `title`, `status`, `detail`,\n"
        "`instance`, `code`, `retryable`, `requestId`, and `param` where one field is at fault. `code` is what a program\n"
        "should look at. *Retry* says whether the same request may succeed later without being changed; 503 carries\n"
        "`Retry-After`. A running gateway serves this table at `/docs/errors`.\n\n"
        "| code | status | retry | meaning |\n|---|---|---|---|\n" + "\n".join(lines) + "\n"
    )


def _field_table(cls: type[Any]) -> str:
    meanings = _attributes(cls)
    lines = [
        f"| `{to_camel(field.name)}` | {_json_type(str(field.type))} | {meanings.get(field.name, '')} |"
        for field in dataclasses.fields(cls)
    ]
    return "\n| field | type | meaning |\n|---|---|---|\n" + "\n".join(lines) + "\n"


def _json_type(annotation: str) -> str:
    kind, _, optional = annotation.partition(" | ")
    listed = re.fullmatch(r"tuple\[(\w+), \.\.\.\]", kind)
    text = f"list of {_JSON_TYPES[listed[1]]}s" if listed else _JSON_TYPES[kind]
    return f"{text}, or null" if optional else text


def _default_of(name: str) -> str:
    default = Settings.model_fields[name].default
    reveal = getattr(default, "get_secret_value", None)
    return str(reveal() if reveal else default)


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the first form a value may have: of a decimal, the number, which has the bounds."""
    return next(one for one in schema.get("anyOf", [schema]) if one.get("type") != "null")


def _bounds(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    kind = {"uri": "URL", "path": "path", "password": "secret text"}.get(
        schema.get("format", ""),
        {"string": "text", "array": "list"}.get(schema["type"], schema["type"]),
    )
    limits = [
        f"{sign} {schema[key]:g}"
        for key, sign in (
            ("exclusiveMinimum", "above"),
            ("minimum", "from"),
            ("maximum", "up to"),
        )
        if key in schema
    ]
    if "pattern" in schema:
        limits.append(f"matches `{schema['pattern']}`")
    return " ".join([kind, *limits])


def _attributes(cls: type[Any]) -> dict[str, str]:
    """Return what the docstring's ``Attributes`` section says of each."""
    _, _, section = (inspect.getdoc(cls) or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if not line.startswith("    "):
            break
        if entry := re.fullmatch(r" {4}(\w+): (.+)", line):
            name, found[entry[1]] = entry[1], entry[2]
        else:
            found[name] += f" {line.strip()}"
    return {name: _cell(text) for name, text in found.items()}


def _summary(cls: type[Any]) -> str:
    return _cell((inspect.getdoc(cls) or "").splitlines()[0])


def _cell(text: str) -> str:
    return (
        text.replace("``None``", "null").replace("``", "`").replace("|", "\\|").replace("<", "&lt;")
    )


def _words(name: str) -> str:
    unit = ", in seconds" if name.endswith("_s") else ""
    return f"{name.removesuffix('_s').replace('_', ' ').capitalize()}{unit}."


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file_name, text in generated_pages().items():
        (FOLDER / file_name).write_text(text, encoding="utf-8")
