"""What is shown of an event: every field of every event is either shown or known to be withheld."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from payment_gateway.infrastructure.persistence.event_data import NOT_SHOWN, event_data
from payment_gateway.infrastructure.persistence.event_types import EVENT_TYPES, decode

CORPUS = sorted((Path(__file__).parents[1] / "infrastructure" / "event_corpus").glob("*.json"))
# Fields that hold ciphertext or a key, or that open something at a provider.
SECRET = {
    "body",
    "envelope",
    "excerpt",
    "handle",
    "keyHash",
    "personal",
    "sealedAnswer",
    "wrappedKey",
}


def stored(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(path.read_text())["data"]
    return data


def shown(path: Path, currency: str | None = "USD") -> dict[str, Any]:
    example = json.loads(path.read_text())
    data = json.dumps(example["data"]).encode()
    return event_data(decode(example["type"], example["schemaVersion"], data), currency)


def names_in(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*(names_in(one) for one in value.values()))
    if isinstance(value, list):
        return set().union(*(names_in(one) for one in value))
    return set()


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_nothing_that_is_sealed_or_secret_is_shown(path: Path) -> None:
    assert not names_in(shown(path)) & NOT_SHOWN
    secrets = [
        value
        for name, value in stored(path).items()
        if name in SECRET and isinstance(value, str) and value
    ]
    told = json.dumps(shown(path))
    assert not [value for value in secrets if value in told]


def test_secret_fields_are_withheld_whatever_they_hold() -> None:
    assert SECRET <= NOT_SHOWN


def test_a_new_field_is_shown_only_once_somebody_has_looked_at_it() -> None:
    """A field that no list names fails here: withhold it in ``NOT_SHOWN``, or add it below."""
    fields = {field.name for stored in EVENT_TYPES for field in dataclasses.fields(stored.event)}
    assert fields - LOOKED_AT == set()


def test_amounts_are_decimal_texts_beside_their_currency() -> None:
    path = next(path for path in CORPUS if path.name == "late_fact_recorded.v1.json")
    minor = stored(path)["amountMinor"]
    assert shown(path, "JPY")["amount"] == str(minor)
    assert shown(path, "JPY")["currency"] == "JPY"
    assert shown(path, None)["amountMinor"] == minor


LOOKED_AT = {
    "active",
    "age_s",
    "allow_pending",
    "amount_minor",
    "answer",
    "api_key_id",
    "attempt",
    "attempt_id",
    "attempts",
    "body",
    "cancel_url",
    "capture_id",
    "captured_minor",
    "changes",
    "checkout_url",
    "claim_id",
    "created_at",
    "credential_version",
    "currencies",
    "currency",
    "delivery_id",
    "dispute_id",
    "duration_ms",
    "enabled",
    "endpoint_id",
    "envelope",
    "error",
    "event_id",
    "event_type",
    "events",
    "excerpt",
    "expires_at",
    "external_reference",
    "fact",
    "failing_since",
    "fallback_providers",
    "fingerprint",
    "generation",
    "handle",
    "intent_id",
    "is_rebuild",
    "items",
    "key_hash",
    "letter_id",
    "name",
    "next_at",
    "note",
    "older_versions",
    "operation",
    "order_id",
    "ours",
    "outcome",
    "partitions",
    "parts",
    "pay_until",
    "payment_id",
    "personal",
    "prefix",
    "previous",
    "previous_until",
    "proof",
    "provider",
    "provider_order_id",
    "provider_reference",
    "provider_reference_number",
    "question",
    "rate_max",
    "read_model",
    "reason",
    "refund_id",
    "retry_until",
    "return_origins",
    "return_url",
    "revoked_at",
    "roles",
    "sample",
    "sandbox",
    "sealed_answer",
    "settle_until",
    "source",
    "split_id",
    "status",
    "stream",
    "subject",
    "subject_id",
    "subscription",
    "tenant_id",
    "test_id",
    "theirs",
    "types",
    "url",
    "version",
    "wrapped_key",
}
