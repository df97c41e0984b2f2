"""Two simulated providers that misbehave, the gateway's ways to them, and the address where they notify it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from payment_gateway.application.webhooks import ProviderWebhooks
from payment_gateway.bootstrap import utc_now
from payment_gateway.infrastructure.resilience.guarded_providers import (
    GuardedProviders,
    open_guarded_providers,
)
from payment_gateway.infrastructure.security.envelope import MasterKey
from payment_gateway.infrastructure.security.key_file import read_or_create_key_file
from payment_gateway.infrastructure.security.key_source import open_key_source
from payment_gateway.infrastructure.webhooks.providers import open_provider_webhooks
from payment_gateway.settings import Settings
from tests.listening import listening

PAGE_ROWS: Final = 100
_HEADER_BYTES_MAX: Final = 64 * 1024

# Takes the provider's path, headers in lower case and the body; returns the status to answer.
Take = Callable[[str, Mapping[str, str], bytes], Awaitable[int]]


@dataclass
class Books:
    """The books of one simulator, read from where they were when this began."""

    http: httpx.AsyncClient
    path: str
    cursor: str = "0"

    async def since(self) -> dict[str, list[dict[str, Any]]]:
        """Return what was written since, by kind."""
        found: dict[str, list[dict[str, Any]]] = {}
        cursor: Any = self.cursor
        while cursor is not None:
            query = {"limit": str(PAGE_ROWS), "cursor": str(cursor)}
            page = (await self.http.get(self.path, params=query)).raise_for_status().json()
            cursor = page.pop("nextCursor")
            for kind, entries in page.items():
                if isinstance(entries, list):
                    found.setdefault(kind, []).extend(entries)
        return found

    async def begin_here(self) -> None:
        """Leave out what is written already, but for less than a page."""
        cursor: Any = self.cursor
        while cursor is not None:
            self.cursor = str(cursor)
            query = {"limit": str(PAGE_ROWS), "cursor": self.cursor}
            cursor = (await self.http.get(self.path, params=query)).json()["nextCursor"]


@dataclass
class Simulator:
    """One simulated provider."""

    http: httpx.AsyncClient
    ledger: Books = field(init=False)
    notifications: Books = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Books(self.http, "/_control/ledger")
        self.notifications = Books(self.http, "/_control/webhooks")


@dataclass
class Receiver:
    """Where the providers' notifications arrive; ``take`` is whoever is notified now."""

    url: str = ""
    take: Take | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after the other, until the connection ends."""
        while head := await reader.readuntil(b"\r\n\r\n"):
            status = await self._answer(head, reader)
            writer.write(f"HTTP/1.1 {status} -\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()

    async def _answer(self, head: bytes, reader: asyncio.StreamReader) -> int:
        request, *lines = head.decode("latin-1").rstrip().split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        body = await reader.readexactly(int(headers["content-length"]))
        assert self.take is not None, "nobody is notified yet"
        return await self.take(request.split(" ")[1], headers, body)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What is there before a shop opens, and after it closed."""

    settings: Settings
    master: MasterKey
    providers: GuardedProviders
    webhooks: Mapping[str, ProviderWebhooks]
    paypal: Simulator
    pagadito: Simulator
    receiver: Receiver

    def simulator(self, provider: str) -> Simulator:
        return self.paypal if provider == "PAYPAL" else self.pagadito


@asynccontextmanager
async def open_surroundings(
    paypal_url: str, pagadito_url: str, key_file: Path
) -> AsyncIterator[Surroundings]:
    """Open the ways to two running simulators, whose notifications are then sent by hand only."""
    read_or_create_key_file(key_file)
    settings = Settings.model_validate(
        {
            "paypal_base_url": paypal_url,
            "pagadito_base_url": pagadito_url,
            "provider_connect_timeout_s": 2.0,
            "provider_read_timeout_s": 5.0,
            "provider_tries_max": 1,
            "circuit_calls_min": 100_000,
            "encryption_key_file": str(key_file),
        }
    )
    async with AsyncExitStack() as stack:
        paypal = Simulator(await _client(stack, paypal_url))
        pagadito = Simulator(await _client(stack, pagadito_url))
        for simulator in (paypal, pagadito):
            mode = {"mode": "hold"}
            (await simulator.http.post("/_control/webhooks", json=mode)).raise_for_status()
        receiver = Receiver()
        port = await stack.enter_async_context(listening(receiver.serve, limit=_HEADER_BYTES_MAX))
        receiver.url = f"http://127.0.0.1:{port}"
        master = stack.enter_context(open_key_source(settings)).master
        yield Surroundings(
            settings=settings,
            master=master,
            providers=await stack.enter_async_context(
                open_guarded_providers(settings, cache=None, master=master, now=utc_now)
            ),
            webhooks=await stack.enter_async_context(open_provider_webhooks(settings, now=utc_now)),
            paypal=paypal,
            pagadito=pagadito,
            receiver=receiver,
        )


async def _client(stack: AsyncExitStack, url: str) -> httpx.AsyncClient:
    return await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=10.0))
