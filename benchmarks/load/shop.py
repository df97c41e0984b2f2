"""An order service, its payers, and those who look at payments: the requests of one phase."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import msgspec

from benchmarks.load.http import Answer, Http
from benchmarks.load.latency import Recorder, Sample, is_success
from benchmarks.load.told import Told

# What customers do, as shares of the payments.
PAGADITO: Final = 0.15
CANCELLED: Final = 0.10
REFUNDED: Final = 0.20
PAYER_S: Final = 0.5
REFUND_AFTER_S: Final = 1.0
# A command that was not carried out is sent again, with the same key: what could take money twice.
TRIES_MAX: Final = 3
AGAIN_AFTER_S: Final = 1.0
AGAIN: Final = frozenset({0, 429, 503})
BUSY: Final = "idempotency_key_in_use"
AMOUNT: Final = "19.99"
REFUND: Final = "5.00"
PAGES: Final = {
    "PAYPAL": ("/checkoutnow/approve", "token={token}&funding=instant"),
    "PAGADITO": ("/comercios/pay", "token={token}&action=pay"),
}
COMMANDS: Final = frozenset({"initiate", "complete", "refund", "cancel"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """Who sends the requests.

    Attributes:
        api: The gateway.
        providers: The simulators, by the name of the provider.
        key: The order service's.
        random: Decides what each customer does.
        recorder: Gets every request.
        told: Gets every promise.
    """

    api: Http
    providers: Mapping[str, Http]
    tenant: str
    key: str
    random: Random
    recorder: Recorder
    told: Told

    async def customer(self, due_s: float) -> None:
        """Buy something: initiate, approve, complete; some cancel instead, some get a part back."""
        fate = self.random.random()
        provider = "PAGADITO" if self.random.random() < PAGADITO else "PAYPAL"
        payment = await self._initiated(provider, due_s)
        if payment is None:
            return
        if fate < CANCELLED and provider == "PAYPAL":  # nobody can cancel at Pagadito
            done = await self._command("cancel", payment, time.monotonic())
        else:
            await asyncio.sleep(PAYER_S)
            done = await self._paid(payment, wants_refund=fate > 1 - REFUNDED)
        if done is not None:
            self.told.done_at_s.append(time.monotonic())

    async def _initiated(self, provider: str, due_s: float) -> dict[str, Any] | None:
        asked = {
            "providerType": provider,
            "amount": AMOUNT,
            "currency": "USD",
            "orderId": f"order-{self.random.getrandbits(48)}",
        }
        payment = await self._command("initiate", asked, due_s)
        if payment is None:
            return None
        self.told.initiated.add(payment["paymentId"])
        # In doubt there is no checkout yet; this customer does not wait for it.
        return {**payment, "providerType": provider} if payment.get("checkoutUrl") else None

    async def _paid(self, payment: dict[str, Any], *, wants_refund: bool) -> dict[str, Any] | None:
        provider = payment["providerType"]
        path, form = PAGES[provider]
        body = form.format(token=_token(payment["checkoutUrl"])).encode()
        approved = await self._send(
            "payer approves", self.providers[provider], "POST", path, time.monotonic(), body=body
        )
        if not is_success(approved.status):
            return None
        paid = await self._command("complete", payment, time.monotonic())
        if paid is None or paid["status"] != "COMPLETED":
            return None
        self.told.completed.add(payment["paymentId"])
        if not wants_refund or provider == "PAGADITO":
            return paid
        await asyncio.sleep(REFUND_AFTER_S)
        refund = {**payment, "amount": REFUND}
        given = await self._command("refund", refund, time.monotonic())
        if given is not None and given["status"] == "COMPLETED":
            self.told.refunds[given["refundId"]] = payment["paymentId"]
        return given

    async def _command(
        self, name: str, payment: Mapping[str, Any], due_s: float
    ) -> dict[str, Any] | None:
        """Send a command until it is carried out; return its answer, or nothing where it never was."""
        body = msgspec.json.encode({"tenantId": self.tenant, **_fields(name, payment)})
        key = {"Idempotency-Key": UUID(int=self.random.getrandbits(128), version=4).hex}
        path = f"/api/v1/payments/{name}"
        for attempt in range(TRIES_MAX):
            if attempt:
                due_s = time.monotonic() + AGAIN_AFTER_S
                await asyncio.sleep(AGAIN_AFTER_S)
            answer = await self._send(name, self.api, "POST", path, due_s, headers=key, body=body)
            if is_success(answer.status):
                found: dict[str, Any] = answer.json()
                self.told.recent.append(
                    (found["paymentId"], answer.headers.get("consistency-token", ""))
                )
                return found
            if answer.status not in AGAIN and answer.code != BUSY:
                return None
        return None

    async def look(self, due_s: float) -> None:
        """Ask for something: mostly a payment just made, as it is by then; sometimes a list or the sums."""
        kind = self.random.choices(tuple(LOOKS), tuple(LOOKS.values()))[0]
        headers: dict[str, str] = {}
        payment_id = ""
        if kind in OF_A_PAYMENT:
            if not self.told.recent:
                return
            payment_id, token = self.random.choice(self.told.recent)
            headers = {"Consistency-Token": token} if token else {}
        await self._send(
            kind, self.api, "GET", PATHS[kind].format(payment_id), due_s, headers=headers
        )

    async def _send(
        self,
        kind: str,
        to: Http,
        method: str,
        path: str,
        due_s: float,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        if to is self.api:
            headers = {**(headers or {}), "Authorization": f"Bearer {self.key}"}
            content_type = "application/json"
        else:
            content_type = "application/x-www-form-urlencoded"
        with self.recorder.under_way(due_s):
            answer = await to.send(
                method, path, headers=headers, body=body, content_type=content_type
            )
        sample = Sample(due_s, time.monotonic() - due_s, is_success(answer.status))
        self.recorder.note(kind, sample, answer.status, answer.code)
        return answer


# Kinds of queries and how often each is sent, relative to the others.
LOOKS: Final = {"payment": 6, "history": 1, "list": 2, "stats": 1}
OF_A_PAYMENT: Final = frozenset({"payment", "history"})
PATHS: Final = {
    "payment": "/api/v1/payments/{}",
    "history": "/api/v1/payments/{}/events",
    "list": "/api/v1/payments?limit=25",
    "stats": "/api/v1/stats/daily",
}
QUERIES: Final = frozenset(LOOKS)
_WANTED: Final = {
    "initiate": ("providerType", "amount", "currency", "orderId"),
    "complete": ("providerType", "paymentId"),
    "refund": ("paymentId", "amount"),
    "cancel": ("paymentId",),
}


def _fields(command: str, payment: Mapping[str, Any]) -> dict[str, Any]:
    return {name: payment[name] for name in _WANTED[command]}


def _token(checkout_url: str) -> str:
    return parse_qs(urlsplit(checkout_url).query)["token"][0]
