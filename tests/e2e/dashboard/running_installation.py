"""What happens in an installation by itself, or by other hands than the dashboard's."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx

from payment_gateway.application.commands.call_operator import call_operator
from payment_gateway.application.ports import CommandContext
from payment_gateway.bootstrap import open_gateway
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.infrastructure.messaging.parking import Parked, Parking
from payment_gateway.infrastructure.persistence.eventstoredb import open_eventstoredb
from payment_gateway.infrastructure.persistence.mongodb import (
    Database,
    open_mongodb,
    open_session,
    transaction,
)
from payment_gateway.settings import Settings
from projections import payment_details
from projections.generations import active

ROLES: Final = ["order-service", "viewer", "operator", "admin", "auditor"]
ANSWER_WITHIN_S: Final = 60


# The workers keep a payment soon after it is made.
PROJECTED_WITHIN_S: Final = 60.0


@dataclass(frozen=True)
class RunningInstallation:
    """What ``up`` has started on this machine."""

    addresses: dict[str, str]
    folder: Path

    @cached_property
    def team_key(self) -> str:
        """A key of the demo tenant with all roles that a tenant's key may have."""
        body = {"tenantId": "demo", "roles": ROLES, "name": "team"}
        return str(self.administer("/apikeys", body)["key"])

    def administer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = httpx.post(
            f"{self.addresses['api']}/api/v1{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.addresses['adminKey']}"},
            timeout=ANSWER_WITHIN_S,
            trust_env=False,
        )
        assert answer.is_success, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def withdraw(self, api_key_id: str) -> None:
        """Revoke a key."""
        httpx.delete(
            f"{self.addresses['api']}/api/v1/apikeys/{api_key_id}",
            headers={"Authorization": f"Bearer {self.addresses['adminKey']}"},
            timeout=ANSWER_WITHIN_S,
            trust_env=False,
        ).raise_for_status()

    def give_up(self, payment_id: str) -> None:
        """Do what the recovery does at the end of its schedule: ask a person."""

        async def ask() -> None:
            context = CommandContext(
                tenant_id="demo",
                actor="recovery",
                correlation_id=str(uuid4()),
                at=datetime.now(UTC),
            )
            async with open_gateway(self._settings) as opened:
                await call_operator(PaymentIdVO(payment_id), context, opened.gateway)

        _run(ask())

    def lose(self, payment_id: str, *, cause: str) -> str:
        """Do what a worker with a fault does: it parks all of a payment, and keeps no document of it.

        Returns:
            The id of what is parked.
        """
        return str(_run(self._lose(payment_id, cause)))

    async def _lose(self, payment_id: str, cause: str) -> str:
        stream = f"payment-{payment_id}"
        async with (
            open_mongodb(self._settings) as database,
            open_eventstoredb(self._settings) as store,
        ):
            subscription = await _subscription(database)
            events = (await store.read(stream)).events
            collection = database[subscription.partition(".")[0]]
            async with asyncio.timeout(PROJECTED_WITHIN_S):
                while not await collection.find_one(
                    {"_id": payment_id, "position": {"$gte": events[-1].position}}
                ):
                    await asyncio.sleep(0.1)
            async with open_session(database) as session, transaction(session):
                parked = [Parked(event, cause) for event in events]
                await Parking(database, subscription).park(parked, session)
                deleted = await collection.delete_one({"_id": payment_id}, session=session)
                assert deleted.deleted_count == 1, "it was kept until now"
        return f"{subscription}:{events[0].position}"

    @contextmanager
    def mongodb_stopped(self) -> Iterator[None]:
        """Have MongoDB stand still."""
        with _stopped(lambda pid, argv: Path(argv[0]).name == "mongod" and self._is_ours(pid)):
            yield

    @contextmanager
    def workers_stopped(self) -> Iterator[None]:
        """Have those who keep the read models stand still."""
        with _stopped(lambda pid, argv: argv[-2:] == ["projections", "run"] and self._is_ours(pid)):
            yield

    def _is_ours(self, pid: int) -> bool:
        """Whether a process belongs to this installation: by its settings, or by what it was told."""
        ours = str(self.folder).encode()
        process = Path(f"/proc/{pid}")
        return (
            ours in (process / "environ").read_bytes() or ours in (process / "cmdline").read_bytes()
        )

    @property
    def _settings(self) -> Settings:
        return Settings(data_dir=self.folder)


@contextmanager
def receiver(answers: Callable[[], int]) -> Iterator[str]:
    """Run a shop's server that answers as it is told; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.send_response(answers())
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hooks"
    finally:
        server.shutdown()
        server.server_close()


async def _subscription(database: Database) -> str:
    generation = await active(database, payment_details.MODEL)
    assert generation.partitions == 1, "of one installation on one machine"
    return generation.subscription(0)


@contextmanager
def _stopped(is_meant: Callable[[int, list[str]], bool]) -> Iterator[None]:
    (pid,) = [pid for pid, argv in _processes() if is_meant(pid, argv)]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _processes() -> Iterator[tuple[int, list[str]]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                argv = (folder / "cmdline").read_bytes().decode().rstrip("\0").split("\0")
            except (OSError, UnicodeDecodeError):  # it has just ended
                continue
            yield int(folder.name), argv


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it in a thread of its own: the browser's library has an event loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
