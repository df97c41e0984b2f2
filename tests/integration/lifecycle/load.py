"""Steady load: some customers at a time, who buy, and look at what they bought."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import httpx

from tests.integration.rest.shop import Shop, new_number, order

TRIES_MAX: Final = 120
PAUSE_S: Final = 0.5
# Between two purchases, so that what is restarted finds some of the machine left.
NEXT_AFTER_S: Final = 0.5
SETTLED_WITHIN_S: Final = 90.0
# What a customer who is told so may send again.
AGAIN: Final = frozenset({503})


@dataclass(frozen=True)
class Answer:
    """One answer, or ``status`` 0 where none came."""

    call: str
    status: int
    code: str
    took_s: float
    retry_after: str | None


@dataclass
class Load:
    """Customers of one shop.

    Attributes:
        at_once: How many there are at any time; each that has what they came for is followed by another.
        answers: All that was answered so far.
        payments: The ids of what was bought.
    """

    shop: Shop
    at_once: int
    answers: list[Answer] = field(default_factory=list)
    payments: list[str] = field(default_factory=list)
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Send customers until told to stop, and wait until each has what they came for."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self.at_once):
                group.create_task(self._one_after_the_other())

    def stop(self) -> None:
        """Let no more customers in."""
        self._stopped.set()

    def outcomes(self) -> Counter[tuple[str, int, str]]:
        """Return how often each call was answered how."""
        return Counter((one.call, one.status, one.code) for one in self.answers)

    def refused(self, since: int = 0) -> list[Answer]:
        """Return all answers that are no success, of all but the first ``since``.

        A query that is quicker than the read models is none of them: it finds the payment a moment later.
        """
        early = ("query", 404, "payment_not_found")
        return [
            one
            for one in self.answers[since:]
            if not 200 <= one.status < 300 and (one.call, one.status, one.code) != early
        ]

    async def _one_after_the_other(self) -> None:
        while not self._stopped.is_set():
            await self._customer()
            await asyncio.sleep(NEXT_AFTER_S)

    async def _customer(self) -> None:
        key = {"Idempotency-Key": uuid4().hex}
        body = order(externalReferenceNumber=new_number(), orderId=f"order-{uuid4().hex[:12]}")
        payment = await self._until_done("initiate", body, key)
        payment_id = payment["paymentId"]
        self.payments.append(payment_id)
        if payment.get("checkoutUrl") is None:
            payment = await self._shown(payment_id, "checkoutUrl")
        await self._approved(payment["checkoutUrl"])
        wanted = {"tenantId": "acme", "providerType": "PAYPAL", "paymentId": payment_id}
        await self._until_done("complete", wanted, {"Idempotency-Key": uuid4().hex})
        await self._shown(payment_id, "providerReference")

    async def _until_done(
        self, call: str, body: dict[str, object], headers: dict[str, str]
    ) -> dict[str, Any]:
        """Send a command, again where the answer says that this may be done, until it is carried out."""
        for _ in range(TRIES_MAX):
            answer = await self._send("POST", call, f"/api/v1/payments/{call}", body, headers)
            if answer is not None and answer.status_code < 300:
                found: dict[str, Any] = answer.json()
                return found
            assert answer is None or answer.status_code in AGAIN or _is_busy(answer), answer.text
            await asyncio.sleep(PAUSE_S)
        raise AssertionError(f"{call} was never carried out")

    async def _shown(self, payment_id: str, name: str) -> dict[str, Any]:
        """Ask for a payment until the query shows something of it."""
        deadline = time.monotonic() + SETTLED_WITHIN_S
        while time.monotonic() < deadline:
            answer = await self._send("GET", "query", f"/api/v1/payments/{payment_id}")
            if answer is not None and answer.status_code == 200 and answer.json().get(name):
                found: dict[str, Any] = answer.json()
                return found
            await asyncio.sleep(PAUSE_S)
        raise AssertionError(f"payment {payment_id} never showed its {name}")

    async def _approved(self, checkout_url: str) -> None:
        """Approve as the payer, who tries again where the provider is away."""
        for _ in range(TRIES_MAX):
            try:
                await self.shop.approve(checkout_url)
            except httpx.TransportError:
                await asyncio.sleep(PAUSE_S)
            else:
                return
        raise AssertionError("the payer gave up")

    async def _send(
        self,
        method: str,
        call: str,
        path: str,
        body: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response | None:
        began = time.monotonic()
        try:
            answer = await self.shop.api.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            self._note(call, 0, type(error).__name__, began, None)
            return None
        is_problem = answer.headers.get("content-type") == "application/problem+json"
        code = answer.json()["code"] if is_problem else ""
        self._note(call, answer.status_code, code, began, answer.headers.get("Retry-After"))
        return answer

    def _note(
        self, call: str, status: int, code: str, began: float, retry_after: str | None
    ) -> None:
        took_s = time.monotonic() - began
        self.answers.append(Answer(call, status, code, took_s, retry_after))


def _is_busy(answer: httpx.Response) -> bool:
    """Return whether an earlier try of the same command still runs."""
    return answer.status_code == 409 and answer.json()["code"] == "idempotency_key_in_use"
