"""A shop, its payers, two providers that misbehave and a gateway that may crash at any append."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal
from uuid import uuid4

from payment_gateway.application.commands.cancel_payment import cancel_payment
from payment_gateway.application.commands.complete_payment import complete_payment
from payment_gateway.application.commands.initiate_payment import (
    PaymentRequest,
    initiate_payment,
)
from payment_gateway.application.commands.receive_webhook import (
    WebhookDelivery,
    receive_webhook,
)
from payment_gateway.application.commands.recover_payment import recover_payment
from payment_gateway.application.commands.refund_payment import refund_payment
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext, StreamMoved
from payment_gateway.application.sagas.webhook_loop import WebhookLoop
from payment_gateway.application.webhooks import DueWebhook, NotANotification, SignatureRefused
from payment_gateway.bootstrap import assemble_gateway, open_api_keys
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
from tests.contracts.provider_sandbox import script_fault
from tests.fake_deliveries import FakeDeliveryRecords
from tests.integration.money_providers import Surroundings
from tests.unit.application.webhook_steps import Queue

PRICE: Final = PaymentAmountVO(19_99, "USD")
Provider = Literal["PAYPAL", "PAGADITO"]
PROVIDERS: Final[tuple[Provider, ...]] = ("PAYPAL", "PAGADITO")
# What can go wrong with the next call of an operation at a simulator.
OPERATIONS: Final = {
    "PAYPAL": ("create_order", "get_order", "capture", "refund"),
    "PAGADITO": ("connect", "exec_trans", "get_status"),
}
# A notification is signed now, whatever the time is in the world, which moves on by days.
NOTIFICATION_AGE_MAX: Final = timedelta(days=30)
NOTIFICATIONS_MAX: Final = 1_000
FAULTS: Final = ("drop_before", "drop_after", "status", "status_after")


class Crash(BaseException):
    """The process ends here; what it was about to do is not done."""


class OneByOne(Queue):
    """A process that ends has then nothing else under way."""

    async def claim(self, now: datetime, *, limit: int) -> Sequence[DueWebhook]:
        return await super().claim(now, limit=1)


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
    around: Surroundings
    queue: OneByOne
    numbers: int = 0
    ids: list[PaymentIdVO] = field(default_factory=list)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    merchant: str = field(default_factory=lambda: uuid4().hex)

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
            await self.around.paypal.http.post("/checkoutnow/approve", data=form)
        else:
            token = page.partition("token=")[2].partition("&")[0]
            form = {"token": token, "action": "pay"}
            await self.around.pagadito.http.post("/comercios/pay", data=form)

    async def break_next(self, provider: Provider, operation: str, kind: str) -> None:
        more = {"status": 503} if kind.startswith("status") else {}
        await script_fault(self.around.simulator(provider).http, operation, kind, **more)

    async def mend(self) -> None:
        """End all faults."""
        for provider in PROVIDERS:
            http = self.around.simulator(provider).http
            (await http.delete("/_control/faults")).raise_for_status()

    async def notified(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """Take what a provider sends; return the status that it is answered with."""
        delivery = WebhookDelivery(
            provider_type=path.rpartition("/")[2],
            tenant_id="demo",
            headers=headers,
            body=body,
            correlation_id=str(uuid4()),
            traceparent=None,
        )
        try:
            await receive_webhook(delivery, self.gateway)
        except (DomainError, StreamMoved):
            return 409
        except (SignatureRefused, NotANotification):
            return 401
        except Crash:
            self.store.crash_in = None
            return 503
        return 200

    async def notifications(self, provider: Provider) -> list[dict[str, Any]]:
        """Return what a provider has to tell this shop, in the order in which it came about."""
        listed = (await self.around.simulator(provider).notifications.since())["webhooks"]
        return [one for one in listed if one["merchantId"] == self.merchant]

    async def deliver(self, provider: Provider, pick: int, *, times: int = 1) -> None:
        """Have one of a provider's notifications sent, for the first time or again."""
        waiting = await self.notifications(provider)
        if waiting:
            await self._send(provider, waiting[pick % len(waiting)], times=times)

    async def deliver_all(self) -> None:
        """Have every notification sent, the last ones first."""
        for provider in PROVIDERS:
            for one in reversed(await self.notifications(provider)):
                assert await self._send(provider, one) == [200]

    async def forge(self, provider: Provider, pick: int, tamper: str) -> None:
        """Have somebody else send one that the provider did not sign like that."""
        waiting = await self.notifications(provider)
        if waiting:
            self.store.crash_in = None
            assert await self._send(provider, waiting[pick % len(waiting)], tamper=tamper) == [401]

    async def _send(
        self, provider: Provider, notification: dict[str, Any], **how: object
    ) -> list[int]:
        http = self.around.simulator(provider).http
        path = f"/_control/webhooks/{notification['id']}/deliver"
        answer = (await http.post(path, json=how)).raise_for_status().json()
        return [attempt["status"] for attempt in answer["attempts"]][-int(how.get("times", 1)) :]  # type: ignore[call-overload] # a number where it is given

    async def apply_notifications(self) -> None:
        """Let the reactor apply what is due, one after the other, unless its process ends."""
        reactor = WebhookLoop(self.queue, self.queue, self.gateway, NOTIFICATION_AGE_MAX)
        for _ in range(NOTIFICATIONS_MAX):
            before = dict(self.queue.tries)
            await self.attempt(reactor.run_once())
            if self.queue.tries == before:  # nothing was due, or the process ended
                return
        raise AssertionError("the reactor comes to no end")

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

    async def books(self) -> Movements:
        """Return what the providers say they took from this shop's payers, and gave back."""
        paypal = await self.around.paypal.ledger.since()
        pagadito = await self.around.pagadito.ledger.since()
        return Movements(paypal=paypal, pagadito=pagadito)

    async def let_time_pass(self, **delta: float) -> None:
        """Move all clocks on."""
        step = timedelta(**delta)
        self.now += step
        for provider in PROVIDERS:
            http = self.around.simulator(provider).http
            body = {"advanceSeconds": int(step.total_seconds())}
            (await http.post("/_control/clock", json=body)).raise_for_status()


@dataclass(frozen=True, kw_only=True)
class Movements:
    """The money that moved, as the providers' books have it."""

    paypal: Mapping[str, list[dict[str, Any]]]
    pagadito: Mapping[str, list[dict[str, Any]]]

    def of(self, payment_id: PaymentIdVO, reference: str | None) -> tuple[int, int, int]:
        """Return a payment's captures, their sum and the sum of its refunds, in minor units."""
        taken, back = (
            [one for one in self.paypal[kind] if one["customId"] == payment_id.value]
            for kind in ("captures", "refunds")
        )
        if reference is not None:
            taken += [
                one
                for one in self.pagadito["transactions"]
                if one["status"] == "COMPLETED"
                and (one["ern"] == reference or one["ern"].startswith(f"{reference}-"))
            ]
        return len(taken), _minor(taken), _minor(back)


def _minor(entries: list[dict[str, Any]]) -> int:
    return int(sum((Decimal(entry["amount"]) for entry in entries), Decimal(0)) * 100)


async def keeps_none(_: str) -> None:
    """There are no answers here that are kept."""


async def open_world(around: Surroundings) -> World:
    """Return a world with fresh merchants at the simulators, one name for both."""
    store = CrashingEventStore()
    gateway = assemble_gateway(
        around.settings,
        store=store,
        streams=store,
        providers=around.providers,
        webhooks=around.webhooks,
        master=around.master,
        api_keys=open_api_keys(around.settings, store, b"k" * 32),
        records=FakeDeliveryRecords(),
        drop_answers=keeps_none,
    )
    world = World(store=store, gateway=gateway, around=around, queue=OneByOne(store))
    world.gateway = replace(gateway, now=lambda: world.now)
    around.receiver.take = world.notified
    await world.gateway.tenants.create(
        TenantIdVO("demo"), name=None, return_urls=(), context=world.context
    )
    paypal = {"clientId": world.merchant, "clientSecret": "secret", "webhookId": "WH-1"}
    pagadito = {"uid": world.merchant, "wsk": "b" * 32}
    for provider, account in (("PAYPAL", paypal), ("PAGADITO", pagadito)):
        simulator = around.simulator(provider)
        await simulator.ledger.begin_here()
        await simulator.notifications.begin_here()
        url = f"{around.receiver.url}/{provider}"
        registration = account | {"webhookUrl": url}
        if provider == "PAGADITO":
            registration["returnUrlTemplate"] = "http://127.0.0.1/return?token={value}"
        registered = await simulator.http.post("/_control/merchants", json=registration)
        registered.raise_for_status()
        await world.gateway.credentials.save(provider, {**account, "sandbox": True}, world.context)
    return world
