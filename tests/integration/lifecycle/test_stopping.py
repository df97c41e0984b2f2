"""A process that is told to stop: it says so, finishes what is under way, and is gone in time with exit code 0."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import websockets

from sandbox.ports import free_port
from tests.contracts.provider_sandbox import script_fault
from tests.integration.lifecycle.programs import Program, api, worker
from tests.integration.rest.conftest import (
    embedded_event_store_uri,
    installation,
    mongodb_uri,
    shop,
)
from tests.integration.rest.installation import Installation, client
from tests.integration.rest.shop import Shop, order

__all__ = ["embedded_event_store_uri", "installation", "mongodb_uri", "shop"]

pytestmark = pytest.mark.timeout(240)

DRAIN_S: Final = 10.0
READY_S: Final = 90.0
# Beyond what is under way; the machine may be busy.
MORE_S: Final = 40.0
PROVIDER_TAKES_MS: Final = 3_000


@pytest.fixture
async def process(installation: Installation) -> AsyncGenerator[Program, None]:
    """An API process that drains."""
    env = {**installation.environment, "GATEWAY_DRAIN_S": str(DRAIN_S)}
    program = api(installation.folder, free_port(), env)
    await program.start()
    yield program
    program.close()


def url_of(process: Program) -> str:
    return f"http://127.0.0.1:{process.argv[-1]}"


async def answered(url: str) -> tuple[int, dict[str, Any], str | None]:
    async with client(url) as anybody:
        answer = await anybody.get("/readyz")
    return answer.status_code, answer.json(), answer.headers.get("Connection")


async def test_an_api_that_drains_says_so_and_goes_on_serving(
    process: Program, installation: Installation
) -> None:
    url = url_of(process)
    async with client(url, headers=installation.authorization("acme")) as api:
        assert (await api.get("/readyz")).status_code == 200
        process.process.terminate()
        began = time.monotonic()
        while (told := await answered(url))[0] == 200:
            pass  # the signal is not seen at once
        assert (told[0], told[1]["status"], told[2]) == (503, "draining", "close")
        payment = await api.post("/api/v1/payments/initiate", json=order())
        metrics = await api.get("/metrics")
    assert (payment.status_code, payment.headers["Connection"]) == (201, "close")
    assert "gateway_draining 1.0" in metrics.text

    code = await asyncio.to_thread(process.process.wait, DRAIN_S + MORE_S)
    assert code == 0
    assert time.monotonic() - began >= DRAIN_S, "proxies had the time to hear of it"


async def test_a_second_signal_ends_the_draining(installation: Installation) -> None:
    env = {**installation.environment, "GATEWAY_DRAIN_S": str(2 * MORE_S)}
    process = api(installation.folder, free_port(), env)
    await process.start()
    try:
        process.process.terminate()
        while (await answered(url_of(process)))[0] == 200:
            pass
        process.process.send_signal(signal.SIGTERM)

        assert await asyncio.to_thread(process.process.wait, MORE_S) == 0
    finally:
        process.close()


async def test_a_request_under_way_is_answered_before_the_api_is_gone(
    process: Program, installation: Installation, shop: Shop
) -> None:
    await script_fault(shop.paypal, "create_order", "delay_after", delayMs=PROVIDER_TAKES_MS)
    async with client(url_of(process), headers=installation.authorization("acme")) as api:
        asked = asyncio.create_task(api.post("/api/v1/payments/initiate", json=order()))
        await _under_way(url_of(process))
        process.process.terminate()
        process.process.terminate()
        answer = await asked
    assert answer.status_code == 201, answer.text
    assert await asyncio.to_thread(process.process.wait, MORE_S) == 0


async def _under_way(url: str) -> None:
    """Wait until the process works on a request beside the one that asks."""
    async with client(url) as anybody:
        while "gateway_http_requests_in_progress 2.0" not in (await anybody.get("/metrics")).text:
            await asyncio.sleep(0.05)


async def test_pages_and_subscribers_are_told_to_come_again(
    process: Program, installation: Installation
) -> None:
    """A page of the dashboard and a GraphQL subscription would go on for ever."""
    url = url_of(process)
    key = installation.keys["viewer"]
    socket_url = f"{url.replace('http', 'ws', 1)}/graphql"
    async with (
        client(url) as page,
        websockets.connect(
            socket_url, subprotocols=[websockets.Subprotocol("graphql-transport-ws")]
        ) as socket,
    ):
        entered = await page.post("/dashboard/login", data={"key": key}, headers={"Origin": url})
        assert entered.status_code == 303, entered.text
        init = {"type": "connection_init", "payload": {"Authorization": f"Bearer {key}"}}
        await socket.send(json.dumps(init))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        async with page.stream("GET", "/dashboard/live") as live:
            assert live.status_code == 200
            lines = live.aiter_lines()
            assert (await anext(lines)).startswith("retry:")
            process.process.terminate()
            began = time.monotonic()
            async for _ in lines:
                pass
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012, "service restart"
    assert await asyncio.to_thread(process.process.wait, MORE_S) == 0
    assert time.monotonic() - began < DRAIN_S + MORE_S


@pytest.mark.parametrize("command", [("work",), ("projections", "run")])
async def test_a_worker_gives_back_what_it_holds_and_is_gone(
    installation: Installation, command: tuple[str, ...]
) -> None:
    database = {"GATEWAY_MONGODB_DATABASE": f"stopping-{command[0]}"}
    env = {**installation.environment, **database}
    first = worker(installation.folder, "first", command, env)
    second = worker(installation.folder, "second", command, env)
    try:
        await first.start()
        took_s = await first.terminated()
        began = time.monotonic()
        await second.start()  # ready: it holds everything
        assert took_s < MORE_S
        assert '"unit.taken"' in second.log.read_text()
        assert '"unit.released"' in first.log.read_text()
        assert time.monotonic() - began < READY_S
        await second.terminated()
    finally:
        first.close()
        second.close()


@pytest.mark.parametrize("command", [("serve", "--port"), ("work",), ("projections", "run")])
async def test_without_servers_a_process_waits_says_for_what_and_goes_when_told(
    tmp_path: Path, installation: Installation, command: tuple[str, ...]
) -> None:
    port = str(free_port())
    argv = [*command, port] if command[0] == "serve" else list(command)
    env = {
        **installation.environment,
        "GATEWAY_EVENTSTORE_URI": f"esdb://127.0.0.1:{free_port()}?Tls=false",
        "GATEWAY_MONGODB_URI": f"mongodb://127.0.0.1:{free_port()}/?replicaSet=none",
        "GATEWAY_EVENTSTORE_TIMEOUT_S": "2",
        "GATEWAY_HEALTH_PORT": port,
    }

    async def says_so() -> bool:
        return '"waits_for": ["eventstore", "mongodb"]' in log.read_text() and await _not_ready(
            port
        )

    log = tmp_path / "process.log"
    program = Program(
        argv=(sys.executable, "-m", "payment_gateway", *argv), log=log, env=env, is_ready=says_so
    )
    try:
        await program.start()
        assert await program.terminated() < 2 * MORE_S
    finally:
        program.close()


async def _not_ready(port: str) -> bool:
    try:
        async with client(f"http://127.0.0.1:{port}") as anybody:
            answer = await anybody.get("/readyz")
    except httpx.TransportError:
        return False
    assert answer.status_code == 503
    body = answer.json()
    if "checks" in body:
        assert set(body["checks"].items()) >= {
            ("eventstore", "unavailable"),
            ("mongodb", "unavailable"),
        }
    else:
        assert body["waitsFor"] == ["eventstore", "mongodb"]
    return True
