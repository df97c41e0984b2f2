"""A whole installation for the tests of the REST interface: real sockets, real servers, simulated providers."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from payment_gateway.infrastructure.security.api_keys import (
    PREFIX_SHOWN,
    FixedApiKey,
    generate_api_key,
    hash_api_key,
    write_api_keys_file,
)
from payment_gateway.infrastructure.security.key_file import read_or_create_key_file
from payment_gateway.settings import Settings
from sandbox.ports import free_port
from tests.child_process import READY_WITHIN_S, Child, running
from tests.contracts.provider_sandbox import simulator

ORDER_SERVICE: Final = frozenset({"order-service", "viewer"})
# Name of the key: its tenant and its roles.
KEYS: Final = {
    "acme": ("acme", ORDER_SERVICE),
    "rival": ("rival", ORDER_SERVICE),
    "bare": ("bare", ORDER_SERVICE),  # has no account at any provider
    "mover": ("mover", ORDER_SERVICE),  # changes its accounts
    "viewer": ("acme", frozenset({"viewer"})),
    "auditor": ("*", frozenset({"auditor"})),
    "admin": ("*", frozenset({"admin"})),
}
TENANTS: Final = ("acme", "rival")
# Twice as long as a query may be asked to wait, on a machine that is busy.
CLIENT_TIMEOUT_S: Final = 60.0
SHOP_URL: Final = "https://shop.example"
AMOUNT_MAX: Final = "5000"
# Appear in no answer, no log line and no event; the tests look for them.
CLIENT_SECRET: Final = "planted-client-secret-5b1f"
WSK: Final = "planted-wsk-90ac"


@dataclass(frozen=True, kw_only=True)
class Installation:
    """Where everything is; ``environment`` starts further processes on it."""

    folder: Path
    environment: Mapping[str, str]
    keys: Mapping[str, str]
    url: str
    paypal: str
    pagadito: str
    log: Path

    @property
    def settings(self) -> Settings:
        values = {name.removeprefix("GATEWAY_").lower(): v for name, v in self.environment.items()}
        return Settings.model_validate(values)

    def authorization(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[key]}"}


@contextmanager
def running_installation(
    folder: Path, event_store_uri: str, mongodb_uri: str
) -> Generator[Installation, None, None]:
    """Run providers and an API on these servers, with two tenants that have accounts, until the block ends."""
    url = f"http://127.0.0.1:{free_port()}"
    with simulator("paypal", folder) as paypal, simulator("pagadito", folder) as pagadito:
        built = described(
            folder,
            url=url,
            event_store_uri=event_store_uri,
            mongodb_uri=mongodb_uri,
            paypal=paypal,
            pagadito=pagadito,
        )
        with api_process(built):
            open_accounts(built)
            yield built


def described(
    folder: Path, *, url: str, event_store_uri: str, mongodb_uri: str, paypal: str, pagadito: str
) -> Installation:
    """Return an installation on these addresses, with keys of its own; nothing is started."""
    master = read_or_create_key_file(folder / "master.key")
    keys = {name: generate_api_key() for name in KEYS}
    write_api_keys_file(
        folder / "api-keys.json",
        [
            FixedApiKey(
                key_id=name,
                tenant_id=KEYS[name][0],
                roles=KEYS[name][1],
                key_hash=hash_api_key(master, key),
                prefix=key[:PREFIX_SHOWN],
            )
            for name, key in keys.items()
        ],
    )
    environment = {
        "GATEWAY_EVENTSTORE_URI": event_store_uri,
        "GATEWAY_MONGODB_URI": mongodb_uri,
        "GATEWAY_MONGODB_DATABASE": "rest",
        "GATEWAY_PUBLIC_URL": url,
        "GATEWAY_PAYPAL_BASE_URL": paypal,
        "GATEWAY_PAGADITO_BASE_URL": pagadito,
        "GATEWAY_ENCRYPTION_KEY_FILE": str(folder / "master.key"),
        "GATEWAY_API_KEYS_FILE": str(folder / "api-keys.json"),
        "GATEWAY_AMOUNT_MAX": AMOUNT_MAX,
        "GATEWAY_LOG_FORMAT": "json",
        "GATEWAY_LOG_LEVEL": "debug",
        "GATEWAY_PROVIDER_READ_TIMEOUT_S": "5",
        "GATEWAY_WEBHOOK_NETWORKS_ALLOWED": "127.0.0.0/8",
    }
    return Installation(
        folder=folder,
        environment=environment,
        keys=keys,
        url=url,
        paypal=paypal,
        pagadito=pagadito,
        log=folder / "api.log",
    )


@contextmanager
def api_process(
    installation: Installation, *, url: str | None = None, **settings: str
) -> Generator[Child, None, None]:
    """Run ``payment-gateway serve``, with settings changed, until the block ends."""
    chosen = url or installation.url
    port = chosen.rpartition(":")[2]
    argv = (sys.executable, "-m", "payment_gateway", "serve", "--port", port)
    env = {**installation.environment, **settings}
    with running(argv, log=installation.log, env=env) as process:
        deadline = time.monotonic() + READY_WITHIN_S
        while not _is_ready(chosen):
            assert process.poll() is None, installation.log.read_text()[-2000:]
            assert time.monotonic() < deadline, "the API was not ready in time"
            time.sleep(0.05)
        yield process


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def open_accounts(installation: Installation) -> None:
    """Make the tenants, and give two of them accounts at both providers."""
    with (
        httpx.Client(base_url=installation.paypal) as paypal,
        httpx.Client(base_url=installation.pagadito) as pagadito,
        httpx.Client(
            base_url=installation.url, headers=installation.authorization("admin")
        ) as admin,
    ):
        for tenant in ("bare", "mover"):
            admin.post("/api/v1/tenants", json={"tenantId": tenant}).raise_for_status()
        for tenant in TENANTS:
            open_tenant(installation, tenant, admin, paypal, pagadito)


def open_tenant(
    installation: Installation,
    tenant: str,
    admin: httpx.Client,
    paypal: httpx.Client,
    pagadito: httpx.Client,
) -> None:
    """Make a tenant that has an account at each of the simulated providers."""
    accounts = {
        "PAYPAL": _paypal_account(paypal, tenant),
        "PAGADITO": _pagadito_account(pagadito, tenant, installation.url),
    }
    body = {"tenantId": tenant, "returnUrls": [SHOP_URL]}
    admin.post("/api/v1/tenants", json=body).raise_for_status()
    for provider, credentials in accounts.items():
        stored = {"tenantId": tenant, "providerType": provider, "credentials": credentials}
        admin.post("/api/v1/providers/credentials", json=stored).raise_for_status()


def _paypal_account(paypal: httpx.Client, tenant: str) -> dict[str, object]:
    account = {"clientId": tenant, "clientSecret": CLIENT_SECRET, "webhookId": f"WH-{tenant}"}
    paypal.post("/_control/merchants", json=account).raise_for_status()
    return {**account, "sandbox": True}


def _pagadito_account(pagadito: httpx.Client, tenant: str, url: str) -> dict[str, object]:
    account = {"uid": tenant, "wsk": WSK}
    template = f"{url}/checkout/return/pagadito?token={{value}}&ern={{ern_value}}"
    registration = {**account, "returnUrlTemplate": template}
    pagadito.post("/_control/merchants", json=registration).raise_for_status()
    return {**account, "sandbox": True}


def client(url: str, *, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
    """Return a client of a server on this machine; no TLS, so no certificates are loaded."""
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=CLIENT_TIMEOUT_S, verify=False)
