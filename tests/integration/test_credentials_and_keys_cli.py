"""The commands on credentials, providers and keys, as processes of their own on a real event store."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from payment_gateway.application.ports import CommandContext, SealBroken
from payment_gateway.application.services.personal_data_service import PersonalDataService
from payment_gateway.application.services.tenant_service import TenantService
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO
from payment_gateway.infrastructure.persistence.eventstoredb import EventStoreDB, open_eventstoredb
from payment_gateway.infrastructure.security.envelope import EnvelopeSubjectCipher, MasterKey
from payment_gateway.infrastructure.security.key_source import open_key_source
from payment_gateway.settings import Settings
from tests.command_line import run_command
from tests.contracts.provider_sandbox import simulator
from tests.event_store_fixture import embedded_server
from tests.softhsm_fixture import LABEL, PIN, TOKEN, new_soft_token

Result = TypeVar("Result")

COMMAND_WITHIN_S = 30.0
ACCOUNT = {
    "clientId": "shop",
    "clientSecret": "planted-secret-77",
    "webhookId": "WH-1",
    "sandbox": True,
}
CONTEXT = CommandContext(
    tenant_id="demo", actor="test", correlation_id="c", at=datetime(2026, 1, 1, tzinfo=UTC)
)


@dataclass
class CommandLine:
    """Runs ``payment-gateway`` on one installation."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        values = {name.removeprefix("GATEWAY_").lower(): v for name, v in self.environment.items()}
        return Settings.model_validate(values)

    def run(self, *words: str, given: object = None, code: int = 0) -> str:
        document = json.dumps(given) if given is not None else ""
        done = run_command(*words, env=self.environment, given=document)
        assert done.returncode == code, done.stdout + done.stderr
        assert "planted-secret" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout if code == 0 else done.stderr

    def json(self, *words: str, given: object = None) -> Any:
        return json.loads(self.run(*words, "--json", given=given))

    def roles(self) -> dict[str, tuple[str, int, int]]:
        rows = self.json("keys", "status")["data"]
        return {row["role"]: (row["keyId"], row["credentials"], row["subjects"]) for row in rows}


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[CommandLine]:
    with embedded_server(tmp_path / "events") as uri:
        yield CommandLine(
            tmp_path,
            {
                "GATEWAY_EVENTSTORE_URI": uri,
                "GATEWAY_ENCRYPTION_KEY_FILE": str(tmp_path / "gateway.key"),
            },
        )


async def make_tenant(cli: CommandLine) -> None:
    async with open_eventstoredb(cli.settings) as store:
        tenants = TenantService(store=store, monotonic=lambda: 0.0)
        await tenants.create(TenantIdVO("demo"), name=None, return_urls=(), context=CONTEXT)


async def with_store(
    cli: CommandLine, use: Callable[[EventStoreDB, MasterKey], Awaitable[Result]]
) -> Result:
    with open_key_source(cli.settings) as source:
        async with open_eventstoredb(cli.settings) as store:
            return await use(store, source.master)


async def seal_person(cli: CommandLine) -> str:
    async def use(store: EventStoreDB, master: MasterKey) -> str:
        service = PersonalDataService(store, EnvelopeSubjectCipher(master))
        return await service.seal({"name": "Ada"}, subject_id="s-1", context=CONTEXT)

    return await with_store(cli, use)


async def open_person(cli: CommandLine, sealed: str) -> Mapping[str, Any] | None:
    async def use(store: EventStoreDB, master: MasterKey) -> Mapping[str, Any] | None:
        service = PersonalDataService(store, EnvelopeSubjectCipher(master))
        return await service.open(sealed, tenant_id="demo", subject_id="s-1")

    return await with_store(cli, use)


async def test_credentials_are_set_rotated_listed_and_revoked(cli: CommandLine) -> None:
    cli.run("keys", "create")
    await make_tenant(cli)
    words = ("demo", "PAYPAL")
    assert "no credentials are stored" in cli.run(
        "credentials", "rotate", *words, given=ACCOUNT, code=1
    )
    assert cli.json("credentials", "set", *words, given=ACCOUNT)["data"][0]["version"] == 1
    newer = cli.folder / "newer.json"
    newer.write_text(json.dumps({**ACCOUNT, "clientSecret": "planted-secret-78"}))
    cli.run("credentials", "rotate", *words, "--file", str(newer))
    states = [row["state"] for row in cli.json("credentials", "list", "demo")["data"]]
    assert states == ["replaced", "current"]
    cli.run("credentials", "revoke", *words, "--reason", "leaked", "--yes")
    assert cli.run("credentials", "list", "demo").count("revoked") == 2
    assert "there is no tenant" in cli.run("credentials", "list", "nobody", code=1)
    assert "not JSON" in cli.run("credentials", "set", *words, code=2)


async def test_providers_are_disabled_and_configured(cli: CommandLine) -> None:
    cli.run("keys", "create")
    await make_tenant(cli)
    limits = ("--currency", "USD:1.00:500", "--fallback", "PAGADITO")
    made = cli.json("providers", "configure", "demo", "PAYPAL", *limits)["data"][0]
    assert made["currencies"] == [{"currency": "USD", "least": "1.00", "most": "500.00"}]
    cli.run("providers", "disable", "demo", "PAYPAL", "--reason", "contract ended")
    found = {row["providerType"]: row for row in cli.json("providers", "list", "demo")["data"]}
    assert found["PAYPAL"] == {**made, "enabled": False}
    assert found["PAGADITO"]["enabled"]
    assert cli.json("providers", "enable", "demo", "PAYPAL")["data"] == [made]
    wrong = ("configure", "demo", "PAYPAL", "--currency", "USD:x")
    assert "USD:x" in cli.run("providers", *wrong, code=2)


async def test_pagaditos_exchange_rate_is_told_exactly(cli: CommandLine) -> None:
    account: dict[str, object] = {"uid": "shop", "wsk": "planted-secret-79", "sandbox": True}
    cli.run("keys", "create")
    await make_tenant(cli)
    cli.run("credentials", "set", "demo", "PAGADITO", given=account)
    with simulator("pagadito", cli.folder / "pagadito") as url:
        cli.environment["GATEWAY_PAGADITO_BASE_URL"] = url
        merchant = {"uid": "shop", "wsk": account["wsk"], "rates": {"GTQ": "7.7050"}}
        async with httpx.AsyncClient() as pagadito:
            made = await pagadito.post(f"{url}/_control/merchants", json=merchant)
        assert made.is_success, made.text
        ask = ("providers", "exchange-rate", "demo")
        assert cli.run(*ask, "PAGADITO", "GTQ") == "One USD is 7.7050 GTQ, says PAGADITO.\n"
        assert cli.json(*ask, "PAGADITO", "GTQ") == {
            "tenantId": "demo",
            "providerType": "PAGADITO",
            "currency": "GTQ",
            "rate": "7.7050",
        }
        assert "names no rate for HNL" in cli.run(*ask, "PAGADITO", "HNL", code=1)
        assert "not EUR" in cli.run(*ask, "PAGADITO", "EUR", code=1)
    assert "PAGADITO cannot be reached" in cli.run(*ask, "PAGADITO", "GTQ", code=1)
    assert "PAYPAL names no exchange rates" in cli.run(*ask, "PAYPAL", "USD", code=1)


async def test_a_key_file_is_rotated_and_the_old_key_retired(cli: CommandLine) -> None:
    (first,) = cli.json("keys", "create")["created"]
    await make_tenant(cli)
    cli.run("credentials", "set", "demo", "PAYPAL", given=ACCOUNT)
    sealed = await seal_person(cli)
    assert cli.roles() == {"current": (first, 1, 1)}

    (second,) = cli.json("keys", "create")["created"]
    assert cli.roles() == {"current": (first, 1, 1), "next": (second, 0, 0)}
    assert "is the next key already" in cli.run("keys", "create", code=1)
    assert cli.json("keys", "rotate")["rewrapped"] == 2
    assert cli.roles() == {"current": (second, 1, 1), "accepted": (first, 0, 0)}
    assert cli.json("keys", "rotate")["rewrapped"] == 0

    assert "make another" in cli.run("keys", "retire", second, "--yes", code=1)
    cli.run("keys", "retire", first, "--yes")
    assert cli.roles() == {"current": (second, 1, 1)}
    assert await open_person(cli, sealed) == {"name": "Ada"}
    assert first not in (cli.folder / "gateway.key").read_text()
    cli.run("credentials", "rotate", "demo", "PAYPAL", given={**ACCOUNT, "clientId": "other"})


async def test_a_key_that_still_wraps_is_not_retired(cli: CommandLine) -> None:
    (first,) = cli.json("keys", "create")["created"]
    cli.run("keys", "create")
    await seal_person(cli)
    # The next key is put to use by hand, nothing is rewrapped.
    key_file = cli.folder / "gateway.key"
    lines = key_file.read_text().splitlines()
    key_file.write_text("\n".join([lines[0], lines[2].replace("next", "key"), lines[1]]) + "\n")
    assert "run: payment-gateway keys rotate" in cli.run("keys", "retire", first, "--yes", code=1)
    assert cli.roles()["accepted"] == (first, 0, 1)


async def test_a_lost_key_is_named_and_nothing_wrong_is_opened(cli: CommandLine) -> None:
    (first,) = cli.json("keys", "create")["created"]
    sealed = await seal_person(cli)
    (cli.folder / "gateway.key").unlink()
    assert "restore it from your backup" in cli.run("keys", "status", code=1)
    cli.run("keys", "create")
    assert cli.roles()["missing"] == (first, 0, 1)
    assert "cannot be opened" in cli.run("keys", "rotate", code=1)
    with pytest.raises(SealBroken, match=first):
        await open_person(cli, sealed)


async def test_keys_move_from_a_file_into_a_token(cli: CommandLine) -> None:
    soft = new_soft_token(cli.folder / "softhsm")
    (first,) = cli.json("keys", "create")["created"]
    sealed = await seal_person(cli)
    cli.environment |= {
        "GATEWAY_PKCS11_MODULE": soft.module,
        "GATEWAY_PKCS11_TOKEN": TOKEN,
        "GATEWAY_PKCS11_PIN": PIN,
        **soft.environment,
    }
    assert "run: payment-gateway keys create" in cli.run("keys", "status", code=1)
    assert cli.json("keys", "create")["created"] == [LABEL]
    assert cli.json("keys", "rotate")["rewrapped"] == 1
    assert cli.roles() == {"current": (f"hsm-{LABEL}", 0, 1), "accepted": (first, 0, 0)}
    cli.run("keys", "retire", first, "--yes")
    # The file keeps the installation secret, and has no key any more.
    assert (cli.folder / "gateway.key").read_text().startswith("installation ")
    assert "key " not in (cli.folder / "gateway.key").read_text().replace("installation", "")
    await make_tenant(cli)
    cli.run("credentials", "set", "demo", "PAYPAL", given=ACCOUNT)
    assert cli.roles() == {"current": (f"hsm-{LABEL}", 1, 1)}
    del cli.environment["GATEWAY_PKCS11_PIN"]
    assert "GATEWAY_PKCS11_PIN together" in cli.run("keys", "status", code=1)
    assert sealed


async def test_a_token_alone_has_all_keys(cli: CommandLine) -> None:
    soft = new_soft_token(cli.folder / "softhsm")
    del cli.environment["GATEWAY_ENCRYPTION_KEY_FILE"]
    cli.environment |= {
        "GATEWAY_PKCS11_MODULE": soft.module,
        "GATEWAY_PKCS11_TOKEN": TOKEN,
        "GATEWAY_PKCS11_PIN": PIN,
        **soft.environment,
    }
    assert cli.json("keys", "create")["created"] == [LABEL, f"{LABEL}-installation"]
    await make_tenant(cli)
    cli.run("credentials", "set", "demo", "PAYPAL", given=ACCOUNT)
    cli.environment["GATEWAY_PKCS11_KEY_LABEL"] = "second"
    cli.run("keys", "create")
    assert cli.json("keys", "rotate") == {
        "keyId": "hsm-second",
        "rewrapped": 1,
        "unreadable": 0,
        "unreadableStreams": [],
    }
    again = cli.json("credentials", "set", "demo", "PAYPAL", given=ACCOUNT)["data"]
    assert [row["version"] for row in again] == [1], "fingerprints outlive the key"


def test_without_keys_the_command_says_what_to_set(tmp_path: Path) -> None:
    told = CommandLine(tmp_path).run("keys", "status", code=1)
    assert "set GATEWAY_ENCRYPTION_KEY_FILE" in told
