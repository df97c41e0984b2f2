"""A whole installation on one machine: servers, simulators and the gateway, from one data folder."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sandbox.addresses import Addresses, addresses_of, choose_ports
from sandbox.data_folder import DataFolder, open_data_folder
from sandbox.demo_shop import register_demo_shop
from sandbox.keys import DEMO_TENANT, Keys, open_keys
from sandbox.parts import Plan, all_parts
from sandbox.ports import LOOPBACK, PortBook, http_url
from sandbox.supervisor import OnReady, supervise

Result = TypeVar("Result")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A running installation, as those who use it see it."""

    addresses: Addresses
    keys: Keys
    database: str
    log_dir: Path
    shop_port: int
    """A port of the loopback address kept free for an order service; payers may be sent back there."""

    @property
    def shop_url(self) -> str:
        """Where the order service of the demo tenant would be."""
        return http_url(LOOPBACK, self.shop_port)

    def as_dict(self) -> dict[str, str]:
        """What an outsider needs to use it."""
        return {
            **self.addresses.as_dict(),
            "tenant": DEMO_TENANT,
            "apiKey": self.keys.demo,
            "adminKey": self.keys.admin,
        }


def run_installation(
    body: Callable[[Installation], Awaitable[Result]],
    *,
    data_dir: Path,
    host: str,
    port: int | None,
    on_ready: OnReady,
) -> Result:
    """Run the body while the installation runs; when this returns, all of it has stopped.

    Args:
        body: Called once everything is ready and the demo shop is registered.
        data_dir: Keeps all state; started again on the same folder, the installation goes on.
        host: Where the API listens. Everything else listens on the loopback address.
        port: The API's port; ``None`` takes the one of the last run, or a free one.
        on_ready: Told of each part as it becomes ready.

    Raises:
        SandboxError: It cannot start, or a part of it failed; the text says what to do.
        Interrupted: SIGINT, SIGTERM or SIGHUP came, and everything was stopped.
    """
    with open_data_folder(data_dir) as folder:
        keys = open_keys(folder)
        environ = dict(os.environ)
        ports = choose_ports(PortBook(folder.ports_file), host=host, port=port, environ=environ)
        addresses = addresses_of(ports, host=host, environ=environ)
        plan = Plan(folder=folder, host=host, ports=ports, addresses=addresses, environ=environ)
        installation = Installation(
            addresses=addresses,
            keys=keys,
            database=plan.database,
            log_dir=folder.folder("logs"),
            shop_port=ports.shop,
        )
        return asyncio.run(_run(plan, installation, body, on_ready))


async def _run(
    plan: Plan,
    installation: Installation,
    body: Callable[[Installation], Awaitable[Result]],
    on_ready: OnReady,
) -> Result:
    async def use() -> Result:
        await register_demo_shop(
            installation.addresses,
            installation.keys,
            public_url=plan.public_url,
            shop_url=installation.shop_url,
        )
        with plan.folder.published(_published(plan)):
            return await body(installation)

    with _interrupted_by_signals() as interrupted:
        return await supervise(
            all_parts(plan),
            use,
            log_dir=installation.log_dir,
            interrupted=interrupted,
            on_ready=on_ready,
            inherit=(plan.folder.lock,),
        )


@contextmanager
def _interrupted_by_signals() -> Iterator[asyncio.Event]:
    """An event that the first of ``STOP_SIGNALS`` sets; those after it change nothing."""
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    # What was started with nohup goes on when its terminal closes.
    ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()
    heeded = [number for number in STOP_SIGNALS if number not in ignored]
    for number in heeded:
        loop.add_signal_handler(number, interrupted.set)
    try:
        yield interrupted
    finally:
        for number in heeded:
            loop.remove_signal_handler(number)


def _published(plan: Plan) -> dict[str, str]:
    """What other commands need to find this installation; no secret among it."""
    folder: DataFolder = plan.folder
    return {
        **plan.addresses.without_passwords(),
        "mongodbDatabase": plan.database,
        "encryptionKeyFile": str(folder.key_file),
        "apiKeysFile": str(folder.api_keys_file),
    }
