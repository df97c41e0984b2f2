"""What is sent of an event: the same whichever release sends it, whatever version is written by then.

``event_payloads.json`` keeps what is sent of each example in ``event_corpus``. A line, once released, stays:
a shop may be sent an event again years later, and reads it as it read it then.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from payment_gateway.application.ports import CommandContext
from payment_gateway.application.webhook_deliveries import Signed
from payment_gateway.infrastructure.persistence.event_metadata import encode_metadata
from payment_gateway.infrastructure.persistence.event_types import PAYMENT_EVENT_NAMES
from payment_gateway.infrastructure.persistence.stored_event import StoredEvent
from payment_gateway.infrastructure.webhook_deliveries.request import request_of

FOLDER: Final = Path(__file__).parent
SENT: Final = PAYMENT_EVENT_NAMES | {"WebhookTestRequested"}
KEPT: Final[dict[str, Any]] = json.loads((FOLDER / "event_payloads.json").read_text())
AT: Final = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


def examples() -> dict[str, dict[str, Any]]:
    """Return every version of every event that tenants are sent, as it is stored."""
    read = {path.stem: json.loads(path.read_text()) for path in (FOLDER / "event_corpus").iterdir()}
    return {name: one for name, one in sorted(read.items()) if one["type"] in SENT}


def sent(example: dict[str, Any]) -> dict[str, Any]:
    """Return the body of the request that tells of an event which is stored like this."""
    context = CommandContext(tenant_id="demo", actor="apikey:1", correlation_id="c", at=AT)
    stored = StoredEvent(
        event_id="ev-1",
        type=example["type"],
        data=json.dumps(example["data"]).encode(),
        metadata=encode_metadata(context, schema_version=example["schemaVersion"]),
        stream="payment-p",
        revision=3,
        position=7,
    )
    signed = Signed(
        url="https://shop.example",
        tenant_id="demo",
        recorded=stored.read(),
        payment_id="p",
        currency="USD",
        secrets=[],
        at=AT,
    )
    body: dict[str, Any] = json.loads(
        request_of(signed, consistency_token="t", traceparent=None).body
    )
    return body


@pytest.mark.parametrize("name", examples())
def test_of_each_version_of_each_event_the_same_is_sent_for_ever(name: str) -> None:
    body = sent(examples()[name])
    told = {"version": body["version"], "data": body["data"]["data"]}
    assert name in KEPT, f"keep what is sent of it in event_payloads.json: {json.dumps(told)}"
    assert told == KEPT[name]


def test_nothing_is_kept_of_what_there_is_no_example_of() -> None:
    assert KEPT.keys() == examples().keys()


def test_an_older_version_is_sent_without_what_a_newer_one_added() -> None:
    old, new = (sent(examples()[f"provider_attempt_started.v{n}"]) for n in (1, 2))
    assert (old["type"], old["version"]) == (new["type"], 1)
    assert new["version"] == 2
    assert new["data"]["data"].keys() - old["data"]["data"].keys() == {"credentialVersion"}


def test_a_body_says_what_it_is_and_when_it_was_beside_the_event() -> None:
    body = sent(examples()["payment_expired.v1"])
    assert body == {
        "type": "PaymentExpired",
        "version": 1,
        "timestamp": "2026-02-03T04:05:06Z",
        "data": {
            "id": "ev-1",
            "type": "PaymentExpired",
            "paymentId": "p",
            "revision": 3,
            "recordedAt": "2026-02-03T04:05:06Z",
            "actor": "apikey:1",
            "reason": None,
            "data": KEPT["payment_expired.v1"]["data"],
        },
    }
