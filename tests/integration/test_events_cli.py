"""``payment-gateway events``, as a process of its own on a real event store."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.events import DomainEvent
from payment_gateway.domain.events.credential import CredentialStoredEvent
from payment_gateway.domain.events.payment import LateFactRecordedEvent
from payment_gateway.domain.events.tenant import TenantCreatedEvent
from payment_gateway.infrastructure.persistence.eventstoredb import open_eventstoredb
from tests.child_process import running, stop
from tests.command_line import run_command
from tests.event_store_fixture import embedded_server, event_store_settings
from tests.integration.query_gateway import initiated

WITHIN_S: Final = 60.0
# CloudEvents 1.0.2, "Context Attributes" and "Type System": what every event has, and of which form.
CLOUD_EVENT: Final = {
    "type": "object",
    "required": ["id", "source", "specversion", "type"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "minLength": 1, "format": "uri-reference"},
        "specversion": {"const": "1.0"},
        "type": {"type": "string", "minLength": 1},
        "datacontenttype": {"const": "application/json"},
        "subject": {"type": "string", "minLength": 1},
        "time": {"type": "string", "format": "date-time"},
        "data": {"type": "object"},
    },
    "propertyNames": {"pattern": "^[a-z0-9]+$"},
    "additionalProperties": {
        "anyOf": [
            {"type": ["string", "boolean"]},
            {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
        ]
    },
}


@dataclass
class Log:
    """An event store and the command line on it."""

    uri: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "GATEWAY_EVENTSTORE_URI": self.uri}

    def argv(self, *words: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "payment_gateway", "events", *words)

    def run(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = run_command("events", *words, env=self.environment)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert "planted" not in done.stdout + done.stderr
        return done

    def lines(self, *words: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.run(*words).stdout.splitlines()]

    async def write(self, stream: str, *events: DomainEvent, tenant_id: str = "acme") -> None:
        context = CommandContext(
            tenant_id=tenant_id,
            actor="key-\x1b[31m1",
            correlation_id="c",
            at=datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
        )
        async with open_eventstoredb(event_store_settings(self.uri)) as store:
            before = await store.read(stream)
            await store.append(stream, events, expected=before.revision, context=context)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with embedded_server(tmp_path / "events") as uri:
        yield Log(uri, tmp_path)


def tenant(tenant_id: str) -> TenantCreatedEvent:
    return TenantCreatedEvent(tenant_id=tenant_id, name=None, return_origins=())


async def write_history(log: Log) -> str:
    """Write a payment, an account and two tenants; return the payment's stream."""
    payment = initiated(currency="JPY", amount_minor=500)
    late = LateFactRecordedEvent(
        payment_id=payment.payment_id,
        fact="completed",
        status="CANCELLED",
        provider_reference=None,
        amount_minor=500,
    )
    account = CredentialStoredEvent(
        tenant_id="acme",
        provider="PAYPAL",
        version=1,
        fingerprint="planted-fingerprint",
        sandbox=True,
        envelope="planted-envelope",
    )
    await log.write("tenant-acme", tenant("acme"))
    await log.write("credential-acme.PAYPAL", account)
    await log.write(f"payment-{payment.payment_id}", payment, late)
    await log.write("tenant-rival", tenant("rival"), tenant_id="rival")
    return f"payment-{payment.payment_id}"


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


async def test_show_prints_a_stream_with_amounts_in_its_currency(log: Log) -> None:
    stream = await write_history(log)
    events = log.lines("show", stream, "--json")
    assert types(events) == ["PaymentInitiated", "LateFactRecorded"]
    assert [event["data"]["amount"] for event in events] == ["500", "500"]
    assert {event["data"]["currency"] for event in events} == {"JPY"}
    assert [event["revision"] for event in events] == [0, 1]
    table = log.run("show", stream).stdout
    assert "LateFactRecorded" in table
    assert "\x1b" not in table, "what others wrote moves no cursor"
    assert "no stream payment-nobody" in log.run("show", "payment-nobody", code=1).stderr


async def test_tail_shows_what_is_asked_for(log: Log) -> None:
    await write_history(log)
    tail = ("tail", "--after", "0", "--json", "--limit")
    assert types(log.lines(*tail, "5"))[:2] == ["TenantCreated", "CredentialStored"]
    assert types(log.lines(*tail, "2", "--category", "payment")) == [
        "PaymentInitiated",
        "LateFactRecorded",
    ]
    chosen = log.lines(*tail, "2", "--type", "TenantCreated", "--category", "tenant")
    assert [event["tenantId"] for event in chosen] == ["acme", "rival"]
    chosen = log.lines(*tail, "1", "--type", "TenantCreated", "--tenant", "rival")
    assert [event["tenantId"] for event in chosen] == ["rival"]
    assert "no event Paid" in log.run("tail", "--type", "Paid", code=1).stderr


async def test_tail_shows_only_what_comes_and_ends_well_when_stopped(log: Log) -> None:
    await write_history(log)
    begun = log.argv("tail", "--json", "--category", "tenant")
    with running(begun, log=log.folder / "tail.log", env=log.environment) as process:
        assert process.stdout is not None
        number = 0
        while not select.select([process.stdout], [], [], 0.05)[0]:
            number += 1  # until the tail has begun, what is written is not news to it
            await log.write(f"tenant-n{number}", tenant(f"n{number}"))
        first = json.loads(process.stdout.readline())
        assert first["data"]["tenantId"].startswith("n")
        stop(process)
        assert process.returncode == 0, (log.folder / "tail.log").read_text()


async def test_an_export_goes_on_where_the_one_before_ended(log: Log) -> None:
    await write_history(log)
    file = log.folder / "events.jsonl"
    told = log.run("export", "--output", str(file)).stderr
    assert "5 events" in told
    position = told.split()[-1]
    assert "already" in log.run("export", "--output", str(file), code=2).stderr
    await log.write("tenant-new", tenant("new"))
    told = log.run("export", "--output", str(file), "--after", position).stderr
    assert "1 events" in told
    ids = [json.loads(line)["id"] for line in file.read_text().splitlines()]
    assert len(ids) == len(set(ids)) == 6
    again = log.run("export", "--after", told.split()[-1])
    assert again.stdout == ""
    assert types(log.lines("export", "--category", "tenant")) == ["TenantCreated"] * 3


async def test_exported_cloud_events_are_what_the_specification_wants(log: Log) -> None:
    stream = await write_history(log)
    events = log.lines("export", "--format", "cloudevents")
    assert len(events) == 5
    validator = Draft202012Validator(CLOUD_EVENT, format_checker=FormatChecker())
    for event in events:
        validator.validate(event)
    assert len({(event["source"], event["id"]) for event in events}) == 5
    assert [event["subject"] for event in events if event["type"] == "LateFactRecorded"] == [stream]
    assert all(event["time"] and event["datacontenttype"] for event in events)
