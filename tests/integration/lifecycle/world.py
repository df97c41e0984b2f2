"""A whole installation of separate processes, each of which a test may stop, freeze and start again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks.load.books import compared
from benchmarks.load.told import Told
from sandbox.mongo import mongodb_uri
from sandbox.ports import free_port
from sandbox.redis import redis_url
from tests.command_line import run_command
from tests.integration.lifecycle import programs
from tests.integration.lifecycle.programs import Program
from tests.integration.lifecycle.proxy import proxy
from tests.integration.rest.installation import Installation, described, open_accounts
from tests.integration.rest.shop import Shop, open_shop

EVENT_STORE_TIMEOUT_S: Final = 3.0
# As docker-compose.yml has it.
DRAIN_S: Final = 6.0
SETTLED_WITHIN_S: Final = 120.0
READ_MODELS: Final = ("payment_details", "payment_list", "daily_stats")


@dataclass(frozen=True, kw_only=True)
class World:
    """What runs.

    Attributes:
        servers: ``eventstore``, ``mongodb``, ``redis`` and ``paypal``.
        gateway: The processes of the gateway, by name; two of each kind where there is a proxy.
    """

    installation: Installation
    servers: dict[str, Program]
    gateway: dict[str, Program]


@asynccontextmanager
async def running_world(folder: Path, *, behind_proxy: bool) -> AsyncGenerator[World, None]:
    """Start everything, and stop it when the block ends.

    Args:
        folder: An empty one.
        behind_proxy: Two processes of each kind, and the APIs behind a proxy; otherwise one of each.
    """
    ports = {
        name: free_port()
        for name in ("eventstore", "mongodb", "redis", "paypal", "pagadito", "api")
    }
    servers = {
        "mongodb": programs.mongodb(folder / "mongodb", ports["mongodb"]),
        "eventstore": programs.event_store(folder / "eventstore", ports["eventstore"]),
        "redis": programs.redis(folder / "redis", ports["redis"]),
        "paypal": programs.provider("paypal", folder, ports["paypal"]),
        "pagadito": programs.provider("pagadito", folder, ports["pagadito"]),
    }
    installation = _installation(folder, ports)
    gateway = _gateway(folder, installation, ports["api"], behind_proxy=behind_proxy)
    every = [*servers.values(), *gateway.values()]
    with programs.closed_afterwards(every):
        await asyncio.gather(*(server.start() for server in servers.values()))
        await asyncio.gather(*(process.start() for process in gateway.values()))
        await asyncio.to_thread(open_accounts, installation)
        yield World(installation=installation, servers=servers, gateway=gateway)


def _installation(folder: Path, ports: dict[str, int]) -> Installation:
    built = described(
        folder,
        url=f"http://127.0.0.1:{ports['api']}",
        event_store_uri=f"esdb://127.0.0.1:{ports['eventstore']}?Tls=false",
        mongodb_uri=mongodb_uri(ports["mongodb"]),
        paypal=f"http://127.0.0.1:{ports['paypal']}",
        pagadito=f"http://127.0.0.1:{ports['pagadito']}",
    )
    more = {
        "GATEWAY_REDIS_URL": redis_url(ports["redis"]),
        "GATEWAY_EVENTSTORE_TIMEOUT_S": str(EVENT_STORE_TIMEOUT_S),
        "GATEWAY_LOG_LEVEL": "info",
    }
    return replace(built, environment={**built.environment, **more})


def _gateway(
    folder: Path, installation: Installation, port: int, *, behind_proxy: bool
) -> dict[str, Program]:
    env = {**installation.environment, "GATEWAY_DRAIN_S": str(DRAIN_S if behind_proxy else 0)}
    api_ports = [free_port(), free_port()] if behind_proxy else [port]
    numbers = range(1, 3) if behind_proxy else range(1, 2)
    processes = {
        f"api-{number}": programs.api(folder, api_port, env)
        for number, api_port in enumerate(api_ports, 1)
    }
    for kind, command in (("reactors", ("work",)), ("projections", ("projections", "run"))):
        for number in numbers:
            name = f"{kind}-{number}"
            processes[name] = programs.worker(folder, name, command, env)
    if behind_proxy:
        processes["proxy"] = proxy(folder, port, api_ports)
    return processes


@asynccontextmanager
async def shop_of(world: World) -> AsyncGenerator[Shop, None]:
    """Yield acme's order service."""
    async with open_shop(world.installation) as shop:
        yield shop


async def all_is_consistent(shop: Shop, payments: list[str]) -> None:
    """Check that each payment was taken once, in the events and in the providers' books alike."""
    where = shop.installation
    told = Told(initiated=set(payments), completed=set(payments))
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while found := (await compared(shop.store, where.paypal, where.pagadito, told)).differences:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.5)


async def read_models_are_right(
    installation: Installation, names: Sequence[str] = READ_MODELS
) -> None:
    """Check with ``projections verify`` what the queries show against the log."""
    for name in names:
        done = await asyncio.to_thread(
            run_command, "projections", "verify", name, env=installation.environment
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
