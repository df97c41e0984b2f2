"""What Schemathesis fuzzes: an installation in which something is there of everything that can be asked for."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from payment_gateway.domain.value_objects.grant import ANY_TENANT, OF_ANY_TENANT, RoleVO
from payment_gateway.infrastructure.persistence.eventstoredb import open_eventstoredb
from payment_gateway.infrastructure.security.api_keys import (
    PREFIX_SHOWN,
    FixedApiKey,
    generate_api_key,
    hash_api_key,
    read_api_keys_file,
    write_api_keys_file,
)
from payment_gateway.infrastructure.security.key_file import read_or_create_key_file
from sandbox.ports import free_port
from tests.child_process import READY_WITHIN_S, running
from tests.contracts.provider_sandbox import token_of
from tests.http_receiver import Taken, http_receiver
from tests.integration.rest.installation import (
    CLIENT_SECRET,
    WSK,
    Installation,
    api_process,
    client,
    open_tenant,
)
from tests.integration.rest.parked import parked_notification
from tests.integration.rest.shop import order

TENANT = "demo"  # the one that the examples name
DATABASE = "fuzzed"
# Many requests, with wrong keys among them, are what is wanted here.
LIMITS = {
    "GATEWAY_AUTH_FAILURES_MAX": "10000",
} | {
    f"GATEWAY_LIMIT_{whose}_{what}": "100000"
    for whose in ("KEY", "TENANT")
    for what in ("READS_PER_S", "WRITES_PER_S", "AT_ONCE")
}
# How many there are of what a request can end.
SPARE = 4
WAIT = {"Prefer": "wait=30"}
# Of the way that a notification was sent, not of what was sent.
_OF_THE_WAY = frozenset({"host", "connection", "content-length", "accept-encoding"})


@dataclass(frozen=True, kw_only=True)
class Fuzzed:
    """Where requests go to, and what is there.

    Attributes:
        key: Speaks for the tenant, in all roles.
        wide_key: Speaks for all tenants, in all roles that may.
        known: Ids of what is there, by the names of parameters.
        notifications: What each provider has signed: headers and body.
        folder: For files of a run.
    """

    url: str
    key: str
    wide_key: str
    known: Mapping[str, list[str]]
    notifications: Mapping[str, Mapping[str, Any]]
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What the hooks of Schemathesis are told."""
        return {
            "FUZZ_TENANT": TENANT,
            "FUZZ_KNOWN": json.dumps(self.known),
            "FUZZ_NOTIFICATIONS": json.dumps(self.notifications),
            "FUZZ_ANSWERED": str(self.answered),
        }

    @property
    def answered(self) -> Path:
        """The file to which the hooks write how each request was answered."""
        return self.folder / "fuzz-answered.txt"

    def masked(self, text: str) -> str:
        """Return a text without the keys."""
        return text.replace(self.key, "KEY").replace(self.wide_key, "KEY")


@contextmanager
def fuzzed_world(installation: Installation) -> Generator[Fuzzed, None, None]:
    """Run processes with read models and queues of their own, and a tenant in which something is there."""
    url, health = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    key, wide_key, file = lasting_keys(installation)
    own = {"GATEWAY_MONGODB_DATABASE": DATABASE, "GATEWAY_API_KEYS_FILE": str(file), **LIMITS}
    env = {**installation.environment, **own}
    with ExitStack() as stack:
        stack.enter_context(api_process(installation, url=url, **own))
        for name, port in (("projections run", health.rpartition(":")[2]), ("work", "0")):
            argv = (sys.executable, "-m", "payment_gateway", *name.split())
            log = installation.folder / f"fuzzed-{name.split()[0]}.log"
            told = {**env, **({"GATEWAY_HEALTH_PORT": port} if port != "0" else {})}
            stack.enter_context(running(argv, log=log, env=told))
        admin = stack.enter_context(
            httpx.Client(base_url=url, headers=installation.authorization("admin"))
        )
        paypal = stack.enter_context(httpx.Client(base_url=installation.paypal))
        pagadito = stack.enter_context(httpx.Client(base_url=installation.pagadito))
        open_tenant(installation, TENANT, admin, paypal, pagadito)
        known, notifications = asyncio.run(_furnished(installation, url, key))
        _wait_until_built(health)
        yield Fuzzed(
            url=url,
            key=key,
            wide_key=wide_key,
            known=known,
            notifications=notifications,
            folder=installation.folder,
        )


def lasting_keys(installation: Installation) -> tuple[str, str, Path]:
    """Return two keys that no command changes, and a file of them beside the installation's.

    Schemathesis sends ids that it was answered: it would find its own key in a list, rotate or revoke it, and
    hear of nothing but 401 from then on.
    """
    master = read_or_create_key_file(installation.folder / "master.key")
    file = installation.folder / "fuzz-api-keys.json"
    grants = {"fuzz": (TENANT, frozenset(RoleVO)), "fuzz-all": (ANY_TENANT, OF_ANY_TENANT)}
    keys = {name: generate_api_key() for name in grants}
    fixed = [
        FixedApiKey(
            key_id=name,
            tenant_id=tenant,
            roles=frozenset(role.value for role in roles),
            key_hash=hash_api_key(master, keys[name]),
            prefix=keys[name][:PREFIX_SHOWN],
        )
        for name, (tenant, roles) in grants.items()
    ]
    write_api_keys_file(file, [*read_api_keys_file(installation.folder / "api-keys.json"), *fixed])
    return keys["fuzz"], keys["fuzz-all"], file


async def _furnished(
    installation: Installation, url: str, key: str
) -> tuple[dict[str, list[str]], dict[str, dict[str, Any]]]:
    """Make one of each thing, and some of what can be ended; return their ids, and what providers signed."""
    async with (
        client(url, headers={"Authorization": f"Bearer {key}"}) as caller,
        open_eventstoredb(installation.settings) as store,
    ):
        notifications = await _signed(installation, caller)
        parts = [{"providerType": "PAYPAL", "amount": amount} for amount in ("10.00", "9.99")]
        split = order(parts=parts, providerType=None, tenantId=TENANT)
        payment = await _made(caller, "payments/initiate", order(tenantId=TENANT))
        keys = [
            await _made(caller, "apikeys", {"tenantId": TENANT, "roles": ["viewer"]})
            for _ in range(SPARE)
        ]
        endpoints = [
            await _made(caller, "webhook-endpoints", {"url": f"{url}/hooks/{number}"})
            for number in range(SPARE)
        ]
        known = {
            "paymentId": [payment["paymentId"]],
            "splitId": [(await _made(caller, "payments/split", split))["splitId"]],
            "orderId": [order()["orderId"]],
            "id": [one["id"] for one in keys],
            "endpoint_id": [one["id"] for one in endpoints],
            "delivery_id": [await _delivered(caller, one["id"]) for one in endpoints],
            "letterId": [await parked_notification(store, TENANT) for _ in range(SPARE)],
        }
    return known, notifications


async def _made(caller: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await caller.post(f"/api/v1/{path}", json=body)
    assert answer.is_success, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def _delivered(caller: httpx.AsyncClient, endpoint_id: str) -> str:
    """Have a test sent to an endpoint; return the id of its delivery once it is listed."""
    tested = await caller.post(f"/api/v1/webhook-endpoints/{endpoint_id}/test")
    delivery_id = str(tested.json()["deliveryId"])
    told = {"Consistency-Token": tested.headers["consistency-token"], **WAIT}
    shown = await caller.get(f"/api/v1/webhook-deliveries/{delivery_id}", headers=told)
    assert shown.status_code == 200, shown.text
    return delivery_id


async def _signed(installation: Installation, caller: httpx.AsyncClient) -> dict[str, Any]:
    """Have each provider notify of a payment; return headers and body of what it sent."""
    template = f"{installation.url}/checkout/return/pagadito?token={{value}}&ern={{ern_value}}"
    accounts = {
        "paypal": {
            "clientId": TENANT,
            "clientSecret": CLIENT_SECRET,
            "webhookId": f"WH-{TENANT}",
        },
        "pagadito": {"uid": TENANT, "wsk": WSK, "returnUrlTemplate": template},
    }
    signed: dict[str, Any] = {}
    async with (
        http_receiver() as receiver,
        client(installation.paypal) as paypal,
        client(installation.pagadito) as pagadito,
    ):
        for name, provider in (("paypal", paypal), ("pagadito", pagadito)):
            sent_to = {**accounts[name], "webhookUrl": receiver.url}
            (await provider.post("/_control/merchants", json=sent_to)).raise_for_status()
            asked = order(tenantId=TENANT, providerType=name.upper())
            payment = await _made(caller, "payments/initiate", asked)
            token = token_of(payment["checkoutUrl"])
            if name == "paypal":
                await provider.post("/checkoutnow/approve", data={"token": token})
            else:
                await provider.post("/comercios/pay", data={"token": token, "action": "pay"})
            arrived = await receiver.wait_for(len(signed) + 1)
            signed[name] = _as_sent(arrived[-1])
            (await provider.post("/_control/merchants", json=accounts[name])).raise_for_status()
    return signed


def _as_sent(taken: Taken) -> dict[str, Any]:
    headers = {name: value for name, value in taken.headers.items() if name not in _OF_THE_WAY}
    return {"headers": headers, "body": taken.body.decode()}


def _wait_until_built(health: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while not _is_ready(health):
        assert time.monotonic() < deadline, "the read models were not built in time"
        time.sleep(0.1)


def _is_ready(health: str) -> bool:
    try:
        return httpx.get(f"{health}/readyz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
