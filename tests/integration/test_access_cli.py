"""Tenants, API keys and the audit trail on the command line, on servers of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from payment_gateway.infrastructure.security.key_file import read_or_create_key_file
from tests.command_line import run_command
from tests.event_store_fixture import embedded_event_store_uri
from tests.mongodb_fixture import mongodb_uri

__all__ = ["embedded_event_store_uri", "mongodb_uri"]


@pytest.fixture
def environment(tmp_path: Path, embedded_event_store_uri: str, mongodb_uri: str) -> dict[str, str]:
    read_or_create_key_file(tmp_path / "gateway.key")
    return {
        "GATEWAY_EVENTSTORE_URI": embedded_event_store_uri,
        "GATEWAY_MONGODB_URI": mongodb_uri,
        "GATEWAY_MONGODB_DATABASE": f"cli-{uuid4().hex[:8]}",
        "GATEWAY_ENCRYPTION_KEY_FILE": str(tmp_path / "gateway.key"),
    }


def run(environment: Mapping[str, str], *words: str, code: int = 0) -> Any:
    """Run a command and return what it printed as JSON; the last line it told where it was refused."""
    done = run_command(*words, "--json", env=environment)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if code == 0 else done.stderr


@pytest.mark.timeout(400)  # a dozen commands, on a busy machine
def test_a_tenant_and_its_key_from_the_first_to_the_last_day(environment: dict[str, str]) -> None:
    tenant = f"shop-{uuid4().hex[:8]}"
    why = ("--reason", "the whole story")
    made = run(environment, "tenants", "create", tenant, "--name", "Shop", *why)
    assert made == {"tenantId": tenant, "name": "Shop", "returnUrls": [], "status": "ACTIVE"}
    wanted = ("--tenant", tenant, "--role", "viewer", "--role", "order-service")
    key = run(environment, "apikeys", "create", *wanted, "--name", "Till", *why)
    assert key["key"].startswith(key["prefix"])
    assert (key["roles"], key["status"]) == (["order-service", "viewer"], "ACTIVE")

    rotated = run(environment, "apikeys", "rotate", key["id"], "--overlap", "0", *why)
    assert rotated["key"] not in {key["key"], None}
    (listed,) = run(environment, "apikeys", "list", "--tenant", tenant)["data"]
    assert listed == {name: value for name, value in rotated.items() if name != "key"}
    (revoked,) = run(environment, "apikeys", "revoke", key["id"], "--yes", *why)["data"]
    assert revoked["status"] == "REVOKED"
    refused = run(environment, "apikeys", "rotate", key["id"], code=1)
    assert "was revoked or has expired" in refused

    run(environment, "tenants", "suspend", tenant, *why)
    assert run(environment, "tenants", "show", tenant)["status"] == "SUSPENDED"
    assert run(environment, "tenants", "resume", tenant, *why)["status"] == "ACTIVE"
    renamed = run(environment, "tenants", "update", tenant, "--return-url", "https://a.example")
    assert (renamed["name"], renamed["returnUrls"]) == ("Shop", ["https://a.example:443"])
    run(environment, "tenants", "delete", tenant, "--yes", *why)
    ours = [one for one in run(environment, "tenants", "list")["data"] if one["tenantId"] == tenant]
    assert [one["status"] for one in ours] == ["DELETED"]

    trail = run(environment, "audit", "--tenant", tenant)["data"]
    assert [one["event"] for one in trail] == [
        "TenantCreated",
        "ApiKeyCreated",
        "ApiKeyRotated",
        "ApiKeyRevoked",
        "TenantSuspended",
        "TenantResumed",
        "TenantChanged",
        "TenantDeleted",
    ]
    assert {one["reason"] for one in trail} == {"the whole story", None}
    assert {one["actor"].partition(":")[0] for one in trail} == {"operator"}
    assert key["key"] not in str(trail)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("apikeys", "create", "--tenant", "nobody", "--role", "viewer"), "no tenant nobody"),
        (("apikeys", "create", "--tenant", "*", "--role", "viewer"), "for all tenants"),
        (("apikeys", "create", "--tenant", "*", "--role", "root"), "a role is one of"),
        (("apikeys", "revoke", "no-such-key", "--yes"), "no API key"),
        (("tenants", "suspend", "nobody"), "no tenant nobody"),
        (("tenants", "create", "Nobody"), "a tenant id is"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(
    environment: dict[str, str], words: tuple[str, ...], told: str
) -> None:
    assert told in run(environment, *words, code=1)
