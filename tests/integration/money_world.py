"""A shop, its payers, two providers that misbehave and a gateway that may crash at any append."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal
from unittest import mock
from uuid import uuid4

import httpx

from payment_gateway import bootstrap
from payment_gateway.application.commands.cancel_payment import cancel_payment
from payment_gateway.application.commands.complete_payment import complete_payment
from payment_gateway.application.commands.initiate_payment import (
    PaymentRequest,
    initiate_payment,
)
from payment_gateway.application.commands.recover_payment import recover_payment
from payment_gateway.application.commands.refund_payment import refund_payment
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext, StreamMoved
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.errors import DomainError
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_details import PaymentDetailsVO
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO
from payment_gateway.infrastructure.persistence.memory import InMemoryEventStore
from payment_gateway.infrastructure.security.key_file import read_or_create_key_file
from payment_gateway.settings import Settings
from tests.contracts.provider_sandbox import PagaditoSandbox, PayPalSandbox, script_fault

PRICE: Final = PaymentAmountVO(19_99, "USD")
PROVIDERS: Final = ("PAYPAL", "PAGADITO")
Provider = Literal["PAYPAL", "PAGADITO"]
# What can go wrong with the next call of an operation at a simulator.
OPERATIONS: Final = {
    "PAYPAL": ("create_order", "get_order", "capture", "refund"),
    "PAGADITO": ("connect", "exec_trans", "get_status"),
}
BOOKS_PAGE: Final = 500
FAULTS: Final = ("drop_before", "drop_after", "status", "status_after")


class Crash(BaseException):
    """The process ends here; what it was about to do is not done."""


class CrashingEventStore(InMemoryEventStore):
    """Ends the process at an append of one's choosing, just before or just after it is stored."""

    def __init__(self) -> None:
        super().__init__()
        self.crash_in: int | None = None
        self.stored_first = False

    async def append(self, *args: Any, **kwargs: Any) -> Any:
        if self.crash_in is None:
            return await super().append(*args, **kwargs)
        self.crash_in -= 1
        if self.crash_in > 0:
            return await super().append(*args, **kwargs)
        self.crash_in = None
        if self.stored_first:
            await super().append(*args, **kwargs)
        raise Crash


@dataclass
class World:
    """Everything there is, with one clock for the gateway."""

    store: CrashingEventStore
    gateway: Gateway
    paypal: PayPalSandbox
    pagadito: PagaditoSandbox
    numbers: int = 0
    ids: list[PaymentIdVO] = field(default_factory=list)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def context(self) -> CommandContext:
        return CommandContext(
            tenant_id="demo", actor="world", correlation_id=str(uuid4()), at=self.now
        )

    async def attempt(self, work: Awaitable[Any]) -> None:
        """Let something happen; it may be refused, or the process may end in the middle."""
        try:
            await work
        except (DomainError, StreamMoved):
            pass
        except Crash:
            self.store.crash_in = None

    async def initiate(self, provider: Provider) -> None:
        self.numbers += 1
        number = ExternalReferenceNumberVO(f"ERN-{uuid4().int % 10**30}")
        self.ids.append(PaymentIdVO.of(number))
        request = PaymentRequest(
            tenant_id=TenantIdVO("demo"),
            provider=ProviderTypeVO(provider),
            details=PaymentDetailsVO.whole(PRICE, "Coffee"),
            order_id=f"order-{self.numbers}",
            external_reference=number,
            fallback_providers=(),
            allow_pending=False,
            return_url=None,
            cancel_url=None,
            custom_params=None,
            customer=None,
        )
        await self.attempt(initiate_payment(request, self.context, self.gateway))

    async def complete(self, payment_id: PaymentIdVO, at_once: int = 1) -> None:
        payment = await self.payment(payment_id)
        if payment is None:
            return
        provider = ProviderTypeVO(payment.provider)
        await asyncio.gather(
            *(
                self.attempt(complete_payment(payment_id, provider, self.context, self.gateway))
                for _ in range(at_once)
            )
        )

    async def cancel(self, payment_id: PaymentIdVO) -> None:
        await self.attempt(cancel_payment(payment_id, None, self.context, self.gateway))

    async def refund(self, payment_id: PaymentIdVO, minor: int, refund_id: str) -> None:
        await self.attempt(
            refund_payment(
                payment_id,
                refund_id=refund_id,
                amount=Decimal(minor) / 100,
                reason=None,
                context=self.context,
                gateway=self.gateway,
            )
        )

    async def pay(self, payment_id: PaymentIdVO) -> None:
        """Let the payer approve on the provider's page, if they were given one."""
        payment = await self.payment(payment_id)
        if payment is None or payment.checkout is None:
            return
        page = payment.checkout.url
        if payment.provider == "PAYPAL":
            form = {"token": payment.checkout.provider_order_id, "funding": "instant"}
            await self.paypal.http.post("/checkoutnow/approve", data=form)
        else:
            token = page.partition("token=")[2].partition("&")[0]
            form = {"token": token, "action": "pay"}
            await self.pagadito.http.post("/comercios/pay", data=form)

    async def break_next(self, provider: Provider, operation: str, kind: str) -> None:
        http = self.paypal.http if provider == "PAYPAL" else self.pagadito.http
        more = {"status": 503} if kind.startswith("status") else {}
        await script_fault(http, operation, kind, **more)

    async def mend(self) -> None:
        """End all faults."""
        for http in (self.paypal.http, self.pagadito.http):
            (await http.delete("/_control/faults")).raise_for_status()

    async def recover(self, payment_id: PaymentIdVO) -> None:
        events = (await self.store.read(f"payment-{payment_id}")).events
        if events:
            last_change = events[-1].context.at
            await self.attempt(recover_payment(payment_id, last_change, self.context, self.gateway))

    async def payment(self, payment_id: PaymentIdVO) -> Payment | None:
        if not (await self.store.read(f"payment-{payment_id}")).events:
            return None
        found = await self.gateway.payments.find(payment_id, tenant_id="demo")
        return found.payment

    async def taken_and_given_back(self, payment_id: PaymentIdVO) -> tuple[int, int, int]:
        """Return what the providers' books say of a payment: captures, their sum, refunds' sum."""
        taken = [
            entry
            for entry in await _books(self.paypal.http, "captures")
            if entry["customId"] == payment_id.value
        ]
        back = [
            entry
            for entry in await _books(self.paypal.http, "refunds")
            if entry["customId"] == payment_id.value
        ]
        payment = await self.payment(payment_id)
        if payment is not None:
            reference = payment.external_reference
            taken += [
                entry
                for entry in await _books(self.pagadito.http, "transactions")
                if entry["status"] == "COMPLETED"
                and (entry["ern"] == reference or entry["ern"].startswith(f"{reference}-"))
            ]
        return len(taken), _minor(taken), _minor(back)

    async def let_time_pass(self, **delta: float) -> None:
        """Move all clocks on."""
        step = timedelta(**delta)
        self.now += step
        for http in (self.paypal.http, self.pagadito.http):
            body = {"advanceSeconds": int(step.total_seconds())}
            (await http.post("/_control/clock", json=body)).raise_for_status()


async def _books(http: httpx.AsyncClient, kind: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        query: dict[str, str | int] = {"limit": BOOKS_PAGE}
        if cursor:
            query["cursor"] = cursor
        page = (await http.get("/_control/ledger", params=query)).raise_for_status().json()
        entries += page[kind]
        cursor = page["nextCursor"]
        if cursor is None:
            return entries


def _minor(entries: list[dict[str, Any]]) -> int:
    return int(sum((Decimal(entry["amount"]) for entry in entries), Decimal(0)) * 100)


@asynccontextmanager
async def open_world(paypal_url: str, pagadito_url: str, key_file: Path) -> AsyncIterator[World]:
    """Yield a world with fresh merchants at running simulators."""
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
    store = CrashingEventStore()

    @asynccontextmanager
    async def open_store(_: Settings) -> AsyncIterator[CrashingEventStore]:
        yield store

    async with AsyncExitStack() as stack:
        paypal = PayPalSandbox(await _client(stack, paypal_url))
        pagadito = PagaditoSandbox(await _client(stack, pagadito_url))
        await paypal.register()
        await pagadito.register()
        with mock.patch.object(bootstrap, "open_eventstoredb", open_store):
            opened = await stack.enter_async_context(bootstrap.open_gateway(settings))
        world = World(store=store, gateway=opened.gateway, paypal=paypal, pagadito=pagadito)
        world.gateway = replace(opened.gateway, now=lambda: world.now)
        await world.gateway.tenants.create(
            TenantIdVO("demo"), name=None, return_urls=(), context=world.context
        )
        await world.gateway.credentials.save("PAYPAL", paypal.credentials, world.context)
        await world.gateway.credentials.save("PAGADITO", pagadito.credentials, world.context)
        yield world


async def _client(stack: AsyncExitStack, url: str) -> httpx.AsyncClient:
    return await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=10.0))
