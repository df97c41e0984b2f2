"""One payment's way through the processes, as its trace tells it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

from sandbox.ports import free_port
from tests.child_process import running
from tests.http_receiver import HttpReceiver, Taken, http_receiver
from tests.integration.rest.installation import Installation, api_process, client
from tests.integration.rest.shop import Shop, order
from tests.otlp_receiver import ReceivedSpan, Receiver, otlp_receiver

WAIT_S = 100.0
PROCESSES = {f"payment-gateway-{one}" for one in ("api", "projections", "reactors")}
OPENED = ("PaymentInitiated", "ProviderAttemptStarted", "CheckoutCreated")
INITIATE = "POST /api/v1/payments/initiate"
SECRET_PATH = "planted-path-77c1"
GATEWAY = (sys.executable, "-m", "payment_gateway")
FOLLOWED_WITHIN_S = 10.0
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.1)


def names(spans: list[ReceivedSpan]) -> set[str]:
    return {span.name for span in spans}


async def initiated(installation: Installation, url: str, **headers: str) -> str:
    async with client(url, headers=installation.authorization("acme")) as api:
        answer = await api.post("/api/v1/payments/initiate", json=order(), headers=headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["paymentId"])


@asynccontextmanager
async def endpoint_of(
    installation: Installation, url: str, shop: HttpReceiver
) -> AsyncGenerator[None, None]:
    """Have acme's events sent to a shop, at a path that nobody else should know, until the block ends."""
    async with client(url, headers=installation.authorization("admin")) as admin:
        wanted = {"tenantId": "acme", "url": f"{shop.url}/{SECRET_PATH}"}
        created = await admin.post("/api/v1/webhook-endpoints", json=wanted)
        assert created.status_code == 201, created.text
        yield
        gone = await admin.delete(f"/api/v1/webhook-endpoints/{created.json()['id']}")
        assert gone.status_code == 204


async def followed(
    installation: Installation, url: str, receiver: Receiver, shop: HttpReceiver
) -> str | None:
    """Return the trace of a payment that every process went on in; ``None`` where one did not.

    Until all follow the log live: what they read before is history, not news.
    """
    trace = uuid4().hex
    await initiated(installation, url, traceparent=f"00-{trace}-b7ad6b7169203331-01")
    deadline = time.monotonic() + FOLLOWED_WITHIN_S
    while time.monotonic() < deadline:
        spans = receiver.of_trace(trace)
        sent = [one for one in spans if one.name == "webhook send"]
        is_sent = len(sent) == len(delivered(shop, trace)) == len(OPENED)
        if {one.service for one in spans} == PROCESSES and is_sent:
            return trace
        await asyncio.sleep(0.2)
    return None


def delivered(shop: HttpReceiver, trace: str) -> list[Taken]:
    return [one for one in shop.taken if trace in one.headers.get("traceparent", "")]


class TestTraces:
    async def test_a_command_goes_on_in_the_trace_that_its_caller_began(
        self, installation: Installation, shop: Shop
    ) -> None:
        url = f"http://127.0.0.1:{free_port()}"
        with (
            otlp_receiver() as receiver,
            api_process(installation, url=url, GATEWAY_OTLP_ENDPOINT=receiver.url),
        ):
            payment_id = await initiated(installation, url, traceparent=TRACEPARENT)
            await until(lambda: "eventstore append" in names(receiver.of_trace(TRACE)))
            await until(lambda: _server_span(receiver) is not None)
        spans = receiver.of_trace(TRACE)
        server = _server_span(receiver)
        assert server is not None
        assert server.parent_id == "b7ad6b7169203331"
        assert {span.service for span in spans} == {"payment-gateway-api"}
        known = {span.span_id for span in spans}
        assert {span.parent_id for span in spans} <= known | {server.parent_id}

        stored = await shop.store.read(f"payment-{payment_id}")
        for recorded in stored.events:
            assert recorded.context.traceparent is not None
            assert recorded.context.traceparent.split("-")[1:3] == [TRACE, server.span_id]

    async def test_a_payment_is_followed_through_every_process_and_on_to_the_shop(
        self, installation: Installation
    ) -> None:
        url = f"http://127.0.0.1:{free_port()}"
        with otlp_receiver() as receiver:
            traced = {"GATEWAY_OTLP_ENDPOINT": receiver.url}
            environment = {**installation.environment, **traced}
            log = installation.folder / "traced.log"
            with (
                api_process(installation, url=url, **traced),
                running((*GATEWAY, "projections", "run"), log=log, env=environment),
                running((*GATEWAY, "work"), log=log, env=environment),
            ):
                async with http_receiver() as shop, endpoint_of(installation, url, shop):
                    async with asyncio.timeout(WAIT_S):
                        while (trace := await followed(installation, url, receiver, shop)) is None:
                            pass

        spans = receiver.of_trace(trace)
        assert {one.service for one in spans} == PROCESSES
        assert len(delivered(shop, trace)) == len(OPENED)
        sendings = {one.span_id: one for one in spans if one.name == "webhook send"}
        server = next(one for one in spans if one.name == INITIATE)
        for taken in delivered(shop, trace):
            told = sendings[taken.headers["traceparent"].split("-")[2]]
            assert told.parent_id == server.span_id
            assert (
                told.attributes.items()
                >= {
                    "server.address": "127.0.0.1",
                    "gateway.tenant": "acme",
                    "gateway.event.id": taken.headers["webhook-id"],
                    "gateway.event.type": taken.json["type"],
                }.items()
            )
        assert not any(SECRET_PATH.encode() in body for body in receiver.bodies)

    async def test_says_where_a_request_went_and_nothing_of_what_was_in_it(
        self, installation: Installation
    ) -> None:
        url = f"http://127.0.0.1:{free_port()}"
        with (
            otlp_receiver() as receiver,
            api_process(installation, url=url, GATEWAY_OTLP_ENDPOINT=receiver.url),
        ):
            await initiated(installation, url, traceparent=TRACEPARENT)
            await until(lambda: _provider_span(receiver, installation) is not None)
        sent = b"".join(receiver.bodies)
        for key in installation.keys.values():
            assert key.encode() not in sent
        assert b"planted" not in sent

    async def test_one_that_begins_here_is_recorded_by_its_share(
        self, installation: Installation
    ) -> None:
        url = f"http://127.0.0.1:{free_port()}"
        with otlp_receiver() as receiver:
            share = {
                "GATEWAY_OTLP_ENDPOINT": receiver.url,
                "GATEWAY_TRACE_SAMPLE_RATIO": "0",
            }
            with api_process(installation, url=url, **share):
                await initiated(installation, url)
                await initiated(installation, url, traceparent=TRACEPARENT)
                await until(lambda: bool(receiver.of_trace(TRACE)))
        assert {span.trace_id for span in receiver.spans} == {TRACE}


def _server_span(receiver: Receiver) -> ReceivedSpan | None:
    return next((span for span in receiver.of_trace(TRACE) if span.name == INITIATE), None)


def _provider_span(receiver: Receiver, installation: Installation) -> ReceivedSpan | None:
    return next(
        (
            span
            for span in receiver.of_trace(TRACE)
            if installation.paypal in span.attributes.get("http.url", "")
        ),
        None,
    )
