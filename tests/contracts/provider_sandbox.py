"""Simulated providers in processes of their own, and what their payers do, for the provider tests."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx

from payment_gateway.settings import Settings
from tests.child_process import ready_line, running
from tests.fake_provider import FakeProvider, Fault

# Short, so that a test of silence does not wait long.
TIMEOUTS = {"provider_connect_timeout_s": 2.0, "provider_read_timeout_s": 5.0}


@contextmanager
def simulator(provider: str, folder: Path) -> Iterator[str]:
    """Run a simulator and yield its URL; it ends with this process, however that ends."""
    program = [sys.executable, "-m", "sandbox.providers", provider, "--data-dir", str(folder)]
    log = folder.with_name(f"{folder.name}-{provider}.log")
    with running(program, log=log) as process:
        yield ready_line(process, log)[provider]


Operation = Literal["create", "capture"]
FaultKind = Literal["lost_before", "lost_after", "error_page", "slow_down"]
# How the simulators call them.
_FAULTS: dict[FaultKind, tuple[str, dict[str, int]]] = {
    "lost_before": ("drop_before", {}),
    "lost_after": ("drop_after", {}),
    "error_page": ("status_after", {"status": 502}),
    "slow_down": ("status", {"status": 429}),
}


class Sandbox(Protocol):
    """One provider with a merchant account of its own for each test."""

    async def fault(self, operation: Operation, kind: FaultKind) -> None:
        """Make the next call of an operation go wrong."""
        ...

    async def register(self) -> None:
        """Make the merchant account known."""
        ...

    async def approve(self, checkout_url: str) -> None:
        """Do what the payer does on the payment page."""
        ...

    async def call_off(self, checkout_url: str) -> None:
        """Leave the payment page without paying."""
        ...

    async def movements(self) -> list[str]:
        """Return the amounts that this merchant's account was given, as the books show them."""
        ...

    async def checkouts(self) -> int:
        """Return how many checkouts this merchant's account has."""
        ...


async def script_fault(http: httpx.AsyncClient, operation: str, kind: str, **more: object) -> None:
    """Make the next call of an operation go wrong in a simulator."""
    fault = {"operation": operation, "kind": kind, **more}
    (await http.post("/_control/faults", json=fault)).raise_for_status()


def token_of(checkout_url: str) -> str:
    """Return the token in a payment page's address."""
    return parse_qs(urlsplit(checkout_url).query)["token"][0]


@dataclass
class PayPalSandbox:
    """The simulated PayPal."""

    http: httpx.AsyncClient
    provider_type: str = "PAYPAL"

    def __post_init__(self) -> None:
        self.client_id = f"client-{uuid4().hex}"
        self.credentials: dict[str, object] = {
            "clientId": self.client_id,
            "clientSecret": "secret",
            "webhookId": "WH-1",
            "sandbox": True,
        }

    async def fault(self, operation: Operation, kind: FaultKind) -> None:
        name = {"create": "create_order", "capture": "capture"}[operation]
        scripted, more = _FAULTS[kind]
        await script_fault(self.http, name, scripted, **more)

    async def register(self) -> None:
        merchant = {key: value for key, value in self.credentials.items() if key != "sandbox"}
        (await self.http.post("/_control/merchants", json=merchant)).raise_for_status()

    async def approve(self, checkout_url: str, funding: str = "instant") -> None:
        form = {"token": token_of(checkout_url), "funding": funding}
        answer = await self.http.post("/checkoutnow/approve", data=form)
        assert answer.status_code == 303

    async def call_off(self, checkout_url: str) -> None:
        form = {"token": token_of(checkout_url)}
        assert (await self.http.post("/checkoutnow/cancel", data=form)).status_code == 303

    async def ledger(self, kind: str) -> list[dict[str, str]]:
        ledger = (await self.http.get("/_control/ledger")).json()[kind]
        return [entry for entry in ledger if entry["clientId"] == self.client_id]

    async def movements(self) -> list[str]:
        return [entry["amount"] for entry in await self.ledger("captures")]

    async def checkouts(self) -> int:
        return len(await self.ledger("orders"))


@dataclass
class PagaditoSandbox:
    """The simulated Pagadito."""

    http: httpx.AsyncClient
    provider_type: str = "PAGADITO"

    def __post_init__(self) -> None:
        self.uid = uuid4().hex
        self.credentials: dict[str, object] = {"uid": self.uid, "wsk": "b" * 32, "sandbox": True}

    async def fault(self, operation: Operation, kind: FaultKind) -> None:
        name = {"create": "exec_trans", "capture": "get_status"}[operation]
        scripted, more = _FAULTS[kind]
        await script_fault(self.http, name, scripted, **more)

    async def register(self) -> None:
        merchant = {"uid": self.uid, "wsk": "b" * 32}
        (await self.http.post("/_control/merchants", json=merchant)).raise_for_status()

    async def approve(self, checkout_url: str, action: str = "pay") -> None:
        form = {"token": token_of(checkout_url), "action": action}
        assert (await self.http.post("/comercios/pay", data=form)).status_code == 200

    async def call_off(self, checkout_url: str) -> None:
        await self.approve(checkout_url, action="return")

    async def ledger(self) -> list[dict[str, str]]:
        ledger = (await self.http.get("/_control/ledger")).json()["transactions"]
        return [entry for entry in ledger if entry["uid"] == self.uid]

    async def movements(self) -> list[str]:
        return [entry["amount"] for entry in await self.ledger() if entry["status"] == "COMPLETED"]

    async def checkouts(self) -> int:
        return len(await self.ledger())


@dataclass
class FakeSandbox:
    """The provider of the unit tests, which is in memory."""

    provider: FakeProvider

    async def fault(self, operation: Operation, kind: FaultKind) -> None:
        faults: dict[FaultKind, Fault] = {
            "lost_before": "lost_before",
            "lost_after": "lost_after",
            "error_page": "lost_after",
            "slow_down": "not_sent",
        }
        self.provider.fail(operation, faults[kind])

    async def register(self) -> None:
        """There are no accounts here."""

    async def approve(self, checkout_url: str) -> None:
        self.provider.approve(checkout_url.rpartition("/")[2])

    async def call_off(self, checkout_url: str) -> None:
        self.provider.orders[checkout_url.rpartition("/")[2]].state = "cancelled"

    async def movements(self) -> list[str]:
        return [order.amount.decimal for order in self.provider.orders.values() if order.capture]

    async def checkouts(self) -> int:
        return len(self.provider.orders)


def settings_for(*, paypal: str | None = None, pagadito: str | None = None) -> Settings:
    """Return settings that lead to simulators."""
    urls = {"paypal_base_url": paypal, "pagadito_base_url": pagadito}
    return Settings.model_validate({**urls, **TIMEOUTS})
