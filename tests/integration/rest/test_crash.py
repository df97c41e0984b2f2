"""The API is killed between an intent and its outcome: the recovery finishes what it began, once."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest

from payment_gateway.application.commands.recover_payment import INTENT_AGE_MIN
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from sandbox.ports import free_port
from tests.child_process import kill, stop
from tests.integration.rest.installation import api_process
from tests.integration.rest.recovery import books_agree, recover
from tests.integration.rest.shop import Shop, new_number, open_shop, order
from tests.integration.rest.silent_proxy import SilentProxy, silent_proxy

WAIT_S = 20.0
READ_TIMEOUT_S = 1.0
ABANDONED = INTENT_AGE_MIN + timedelta(seconds=1)
SILENT = ("/v2/checkout/orders", "/capture", "/refund")


async def wait_for(condition: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not await condition():
        assert time.monotonic() < deadline, "what was waited for did not happen in time"
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("arrives", [True, False], ids=["work_done", "work_not_done"])
async def test_killed_while_the_provider_is_silent(shop: Shop, arrives: bool) -> None:
    number = new_number()
    initiated = PaymentIdVO.of(ExternalReferenceNumberVO(number)).value
    captured = await shop.opened_payment()
    await shop.approve(captured["checkoutUrl"])
    refunded = await shop.paid_payment(amount="50.00")
    url = f"http://127.0.0.1:{free_port()}"

    async with (
        AsyncExitStack() as stack,
        silent_proxy(shop.installation.paypal, silent=SILENT, arrives=arrives) as proxy,
    ):
        with api_process(shop.installation, url=url, GATEWAY_PAYPAL_BASE_URL=proxy.url) as api:
            doomed = await stack.enter_async_context(open_shop(shop.installation, url=url))
            requests = asyncio.gather(
                doomed.initiate(externalReferenceNumber=number),
                doomed.complete(captured["paymentId"]),
                doomed.command("refund", refunded, amount="20.00", refundId="r1"),
                return_exceptions=True,
            )
            await wait_for(lambda: _met(proxy, *SILENT))
            if arrives:
                await wait_for(lambda: _all_done(shop, initiated, captured["paymentId"], refunded))
            kill(api)
            answers = await requests
    assert all(isinstance(answer, httpx.TransportError) for answer in answers), answers

    for payment_id, intent, outcome in (
        (initiated, "ProviderAttemptStarted", "CheckoutCreated"),
        (captured["paymentId"], "CaptureRequested", "PaymentCompleted"),
        (refunded, "RefundRequested", "RefundCompleted"),
    ):
        assert (await shop.history(payment_id))[-1] == intent
        assert await recover(shop, payment_id, after=INTENT_AGE_MIN / 2) == 0
        assert await recover(shop, payment_id, after=ABANDONED) == 1
        assert (await shop.history(payment_id))[-2:] == ["OutcomeUnknown", outcome]
        await books_agree(shop, payment_id)
    assert len(await shop.books("orders", initiated)) == 1
    again = await shop.initiate(externalReferenceNumber=number)
    assert (again.status_code, again.json()["paymentId"]) == (201, initiated)


async def _met(proxy: SilentProxy, *ends: str) -> bool:
    return proxy.met >= set(ends)


async def _all_done(shop: Shop, initiated: str, captured: str, refunded: str) -> bool:
    counts = [
        len(await shop.books("orders", initiated)),
        len(await shop.books("captures", captured)),
        len(await shop.books("refunds", refunded)),
    ]
    return counts == [1, 1, 1]


async def test_told_to_stop_it_answers_what_is_under_way(shop: Shop) -> None:
    payment = await shop.opened_payment()
    await shop.approve(payment["checkoutUrl"])
    url = f"http://127.0.0.1:{free_port()}"
    async with (
        AsyncExitStack() as stack,
        silent_proxy(shop.installation.paypal, silent=("/capture",), arrives=True) as proxy,
    ):
        changes = {
            "GATEWAY_PAYPAL_BASE_URL": proxy.url,
            "GATEWAY_PROVIDER_READ_TIMEOUT_S": f"{READ_TIMEOUT_S}",
        }
        with api_process(shop.installation, url=url, **changes) as api:
            stopping = await stack.enter_async_context(open_shop(shop.installation, url=url))
            completing = asyncio.create_task(stopping.complete(payment["paymentId"]))
            await wait_for(lambda: _met(proxy, "/capture"))
            api.terminate()
            answer = await completing
            assert (answer.status_code, answer.json()["status"]) == (202, "UNKNOWN")
            await asyncio.to_thread(stop, api)
            assert api.returncode == 0
    assert (await shop.history(payment["paymentId"]))[-1] == "OutcomeUnknown"


async def test_a_caller_who_hangs_up_stops_nothing(shop: Shop) -> None:
    number = new_number()
    payment_id = PaymentIdVO.of(ExternalReferenceNumberVO(number)).value
    body = json.dumps(order(externalReferenceNumber=number)).encode()
    key = shop.installation.keys["acme"]
    head = (
        f"POST /api/v1/payments/initiate HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    address = urlsplit(shop.installation.url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(head.encode() + body)
    await writer.drain()
    await wait_for(lambda: _has_begun(shop, payment_id))
    writer.transport.abort()
    await wait_for(lambda: _has_checkout(shop, payment_id))


async def _has_begun(shop: Shop, payment_id: str) -> bool:
    return "PaymentInitiated" in await shop.history(payment_id)


async def _has_checkout(shop: Shop, payment_id: str) -> bool:
    return "CheckoutCreated" in await shop.history(payment_id)
