"""A subscriber of a whole installation: it sees its own payments, and is sent away by a process that stops."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Generator

import pytest

from sandbox.ports import free_port
from tests.child_process import running, stop
from tests.integration.event_subscriber import WITHIN_S, Subscriber
from tests.integration.rest.installation import Installation, api_process
from tests.integration.rest.shop import Shop

STOPS_WITHIN_S = 10.0


@pytest.fixture
def _projections(installation: Installation) -> Generator[None, None, None]:
    argv = (sys.executable, "-m", "payment_gateway", "projections", "run")
    log = installation.folder / "projections.log"
    with running(argv, log=log, env=installation.environment):
        yield


@pytest.mark.usefixtures("_projections")
async def test_events_of_ones_own_payments_come_until_the_process_stops(
    installation: Installation, shop: Shop
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    subscriber = Subscriber(f"{url}/api/v1/events", installation.authorization("viewer"))
    with api_process(installation, url=url) as process:
        payment_id = await shop.paid_payment()
        async with asyncio.timeout(WITHIN_S), subscriber.connected() as messages:
            types = []
            while "PaymentCompleted" not in types:
                message = await anext(messages)
                assert message.event == "message"
                if message.data["paymentId"] == payment_id:
                    types.append(message.data["type"])
            assert types == await shop.history(payment_id)
            process.terminate()
            assert (await anext(messages)).event == "reconnect"
        started_s = time.monotonic()
        await asyncio.to_thread(stop, process)
        assert process.returncode == 0
        assert time.monotonic() - started_s < STOPS_WITHIN_S


async def test_who_may_not_see_events_gets_none(installation: Installation, shop: Shop) -> None:
    accept = {"Accept": "text/event-stream"}
    for key, status in (("admin", 403), ("auditor", 422)):
        headers = {**accept, **installation.authorization(key)}
        answer = await shop.api.get("/api/v1/events", headers=headers)
        assert answer.status_code == status
    named = {**accept, **installation.authorization("viewer")}
    answer = await shop.api.get("/api/v1/events?tenantId=rival", headers=named)
    assert answer.status_code == 403
