"""``POST /payments/initiate``, beside a bare endpoint that makes the same call and the same appends.

Both are processes of their own over one event store and one PayPal simulator, measured in turns.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import Final

import httpx

from benchmarks.http_load import Load, post
from benchmarks.row import Row
from payment_gateway.infrastructure.security.api_keys import (
    PREFIX_SHOWN,
    FixedApiKey,
    derive_api_key,
    hash_api_key,
    write_api_keys_file,
)
from payment_gateway.infrastructure.security.key_file import read_or_create_key_file
from sandbox.ports import free_port

ROUNDS: Final = 5
REQUESTS: Final = 320
CONNECTIONS: Final = 16
REQUESTS_ALONE: Final = 150
WANTED: Final = 0.6
READY_TIMEOUT_S: Final = 120.0  # a busy machine takes its time to start a process
POLL_S: Final = 0.05
STOP_TIMEOUT_S: Final = 15.0
MERCHANT: Final = {"clientId": "bench", "clientSecret": "bench-secret", "webhookId": "bench"}
PATH: Final = "/api/v1/payments/initiate"


def run() -> list[Row]:
    """Measure; takes about a minute."""
    return asyncio.run(_rows())


async def _rows() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-initiate-") as folder:
        async with installation(Path(folder)) as (gateway, floor, key, _):
            at_once = [
                (
                    await load(gateway, key, REQUESTS, CONNECTIONS),
                    await load(floor, key, REQUESTS, CONNECTIONS),
                )
                for _ in range(ROUNDS + 1)
            ][1:]  # the first one warms up
            alone = [
                (
                    await load(gateway, key, REQUESTS_ALONE, 1),
                    await load(floor, key, REQUESTS_ALONE, 1),
                )
                for _ in range(ROUNDS)
            ]
    rows = [
        Row(
            name=f"initiate, {CONNECTIONS} at a time",
            value=median(ours.per_s for ours, _ in at_once),
            unit="per s",
            floor=median(bare.per_s for _, bare in at_once),
            ratio=median(ours.per_s / bare.per_s for ours, bare in at_once),
            wanted=WANTED,
        )
    ]
    rows += [_latency(alone, percent) for percent in (50, 99)]
    return rows


def _latency(pairs: list[tuple[Load, Load]], percent: int) -> Row:
    ours = median(load.percentile_ms(percent) for load, _ in pairs)
    bare = median(load.percentile_ms(percent) for _, load in pairs)
    return Row(
        name=f"initiate alone, p{percent}",
        value=ours,
        unit="ms",
        floor=bare,
        ratio=median(
            ours.percentile_ms(percent) / bare.percentile_ms(percent) for ours, bare in pairs
        ),
        wanted=None,
    )


async def load(
    url: str,
    key: str,
    requests: int,
    connections: int,
    *,
    headers_of_one: Callable[[], dict[str, str]] = dict,
    pause_s: float = 0.0,
) -> Load:
    """Ask to be paid so many times, over so many connections, and return how long the answers took."""
    numbers = count()

    def body() -> bytes:
        payment = {
            "tenantId": "bench",
            "providerType": "PAYPAL",
            "amount": "19.99",
            "currency": "USD",
            "orderId": f"order-{next(numbers)}",
            "details": [{"quantity": 1, "description": "Coffee", "price": "19.99"}],
        }
        return json.dumps(payment).encode()

    return await post(
        url + PATH,
        body,
        headers={"Authorization": f"Bearer {key}"},
        status=201,
        requests=requests,
        connections=connections,
        headers_of_one=headers_of_one,
        pause_s=pause_s,
    )


@asynccontextmanager
async def installation(
    folder: Path,
    servers: Mapping[str, str] = MappingProxyType({}),
    *,
    floor_module: str = "benchmarks.initiate_floor",
) -> AsyncIterator[tuple[str, str, str, dict[str, str]]]:
    """Run what is measured; yield the addresses of the gateway and of the floor, a key, and the settings."""
    master = read_or_create_key_file(folder / "gateway.key")
    key = derive_api_key(master, "bench")
    roles = frozenset({"order-service", "admin"})
    accepted = FixedApiKey(
        key_id="bench",
        tenant_id="bench",
        roles=roles,
        key_hash=hash_api_key(master, key),
        prefix=key[:PREFIX_SHOWN],
    )
    write_api_keys_file(folder / "apikeys.json", [accepted])
    api_port, floor_port = free_port(), free_port()
    api, floor = f"http://127.0.0.1:{api_port}", f"http://127.0.0.1:{floor_port}"
    store = ("sandbox.eventstore", "--data-dir", str(folder / "events"), "--port", "0")
    paypal = ("sandbox.providers", "paypal", "--data-dir", str(folder / "paypal"), "--port", "0")
    async with process(*store) as eventstore, process(*paypal) as simulator:
        provider = (await ready_line(simulator))["paypal"]
        environ = {
            **servers,
            "GATEWAY_EVENTSTORE_URI": (await ready_line(eventstore))["eventstore"],
            "GATEWAY_PAYPAL_BASE_URL": provider,
            "GATEWAY_ENCRYPTION_KEY_FILE": str(folder / "gateway.key"),
            "GATEWAY_API_KEYS_FILE": str(folder / "apikeys.json"),
            "GATEWAY_LOG_FORMAT": "json",
            "BENCH_CLIENT_ID": MERCHANT["clientId"],
            "BENCH_CLIENT_SECRET": MERCHANT["clientSecret"],
            "BENCH_PORT": str(floor_port),
        }
        async with httpx.AsyncClient(timeout=10.0, trust_env=False) as http:
            (await http.post(f"{provider}/_control/merchants", json=MERCHANT)).raise_for_status()
            serve = ("payment_gateway", "serve", "--port", str(api_port))
            async with (
                process(*serve, environ=environ),
                process(floor_module, environ=environ),
            ):
                await _answers(http, f"{api}/livez")
                await _answers(http, f"{floor}/readyz")
                await _open_account(http, api, key)
                yield api, floor, key, environ


async def _open_account(http: httpx.AsyncClient, api: str, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    tenant = {"tenantId": "bench"}
    account = {
        "tenantId": "bench",
        "providerType": "PAYPAL",
        "credentials": {**MERCHANT, "sandbox": True},
    }
    for path, body in (("tenants", tenant), ("providers/credentials", account)):
        answer = await http.post(f"{api}/api/v1/{path}", json=body, headers=headers)
        answer.raise_for_status()


async def _answers(http: httpx.AsyncClient, url: str) -> None:
    async with asyncio.timeout(READY_TIMEOUT_S):
        while True:
            with suppress(httpx.TransportError):
                if (await http.get(url)).is_success:
                    return
            await asyncio.sleep(POLL_S)


async def ready_line(process: asyncio.subprocess.Process) -> dict[str, str]:
    """Return what a process says once it is ready."""
    assert process.stdout is not None, "a pipe was asked for"
    line: dict[str, str] = json.loads(
        await asyncio.wait_for(process.stdout.readline(), READY_TIMEOUT_S)
    )
    return line


@asynccontextmanager
async def process(
    *module: str, environ: Mapping[str, str] | None = None, stdin: int = asyncio.subprocess.DEVNULL
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a module as a process of its own until the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *module,
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, **(environ or {})},
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()


if __name__ == "__main__":
    for row in run():
        print(row)
