"""``payment-gateway up`` as a user runs it."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from esdbclient import EventStoreDBClient
from pymongo import MongoClient

from sandbox.ports import free_port
from sandbox.redis import redis_url, valkey

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

READY_WITHIN_S = 120.0
STOPPED_WITHIN_S = 60.0
PARTS = 8


def command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "payment_gateway", "up", "--data-dir", str(folder), *arguments]


def refused(folder: Path, *arguments: str) -> str:
    """What a start that is refused says; it is one line."""
    done = subprocess.run(
        command(folder, *arguments), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    (line,) = done.stderr.splitlines()
    return line


class Up:
    """A running ``up --json``."""

    def __init__(self, process: subprocess.Popen[str], ready: dict[str, str]) -> None:
        self.process = process
        self.ready = ready

    def children(self) -> dict[str, int]:
        """The process of each part, by a word of its command line."""
        pid = self.process.pid
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return {Path(f"/proc/{child}/cmdline").read_text(): int(child) for child in text.split()}

    def child(self, word: str) -> int:
        """The process of the one part whose command line holds the word."""
        (pid,) = (pid for line, pid in self.children().items() if word in line.split("\0"))
        return pid

    def api(self, method: str, path: str, body: object = None, *, key: str = "apiKey") -> Any:
        answer = httpx.request(
            method,
            f"{self.ready['api']}/api/v1{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.ready[key]}"},
            timeout=30,
            trust_env=False,
        )
        assert answer.is_success, answer.text
        return answer.json()


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[Up]:
    """Start ``up``, and see to it that none of it is left whatever the test does."""
    errors = folder.with_name(folder.name + ".stderr")
    with (
        errors.open("w") as stderr,
        subprocess.Popen(
            command(folder, "--json"),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**os.environ, **environment},
        ) as process,
    ):
        try:
            assert process.stdout is not None
            readable, _, _ = select.select([process.stdout], [], [], READY_WITHIN_S)
            line = process.stdout.readline() if readable else ""
            assert line, errors.read_text()
            yield Up(process, json.loads(line))
        finally:
            process.terminate()
            try:
                process.wait(STOPPED_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
            sys.stderr.write(errors.read_text())  # shown where a test fails


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + STOPPED_WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)


def initiate(up: Up) -> Any:
    order = {
        "tenantId": "demo",
        "providerType": "PAYPAL",
        "amount": "19.99",
        "currency": "USD",
        "orderId": "order-1",
        "details": [{"quantity": 1, "description": "Coffee beans", "price": "19.99"}],
    }
    return up.api("POST", "/payments/initiate", order)


def test_an_installation_serves_stops_and_goes_on_with_its_data(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with running(folder) as first:
        check_addresses(first)
        payment = initiate(first)
        published = json.loads((folder / "installation.json").read_text())
        assert published["pid"] == first.process.pid
        assert published["api"] == first.ready["api"]
        assert refused(folder).startswith(
            f"payment-gateway: The data folder {folder} is in use by process {first.process.pid};"
        )
        children = list(first.children().values())
        assert len(children) == PARTS
    assert first.process.returncode == 0
    assert all(gone(pid) for pid in children)
    assert first.process.stdout is not None
    assert not (folder / "installation.json").exists()
    for part in ("api", "eventstore", "mongodb", "redis", "paypal", "pagadito", "reactors"):
        assert (folder / "logs" / f"{part}.log").stat().st_mode & 0o777 == 0o600

    with running(folder) as second:
        assert second.ready == first.ready, "the same addresses and keys as before"
        found = second.api("GET", f"/payments/{payment['paymentId']}")
        assert (found["status"], found["amount"]) == ("AWAITING_PAYER", "19.99")
        checkout = httpx.get(payment["checkoutUrl"], trust_env=False, timeout=30)
        assert checkout.status_code == 200, "the checkout page is where it was"

        children = list(second.children().values())
        second.process.kill()
        wait_until(lambda: all(gone(pid) for pid in children))

    with running(folder) as third:
        found = third.api("GET", f"/payments/{payment['paymentId']}")
        assert found["status"] == "AWAITING_PAYER", "as after a kill without warning"


def check_addresses(up: Up) -> None:
    ready = up.ready
    assert list(ready) == [
        *("api", "eventstore", "mongodb", "redis", "paypal", "pagadito"),
        *("tenant", "apiKey", "adminKey"),
    ]
    assert ready["tenant"] == "demo"
    assert httpx.get(f"{ready['api']}/readyz", trust_env=False).status_code == 200
    for provider in ("paypal", "pagadito"):
        ledger = httpx.get(f"{ready[provider]}/_control/ledger", trust_env=False)
        assert ledger.status_code == 200
    with redis.Redis.from_url(ready["redis"]) as cache:
        assert cache.ping()
    mongodb: MongoClient[dict[str, Any]] = MongoClient(ready["mongodb"])
    with mongodb:
        assert mongodb.admin.command("hello")["isWritablePrimary"]
    events = EventStoreDBClient(ready["eventstore"])
    try:
        assert events.get_commit_position() > 0
    finally:
        events.close()
    tenant = up.api("GET", "/tenants/demo", key="adminKey")
    assert tenant["name"] == "Demo shop"


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[str]:
    """A server that was there before, and stays when the installation stops."""
    port = free_port()
    argv = valkey(tmp_path, port).argv
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as process:
        yield redis_url(port)
        assert process.poll() is None, "a server of one's own is not stopped"
        process.terminate()


def test_when_a_part_dies_up_stops_the_others_and_names_it(tmp_path: Path, own_redis: str) -> None:
    folder = tmp_path / "data"
    with running(folder, GATEWAY_REDIS_URL=own_redis) as up:
        children = list(up.children().values())
        assert up.ready["redis"] == own_redis
        assert len(children) == PARTS - 1
        os.kill(up.child("serve"), signal.SIGKILL)

        assert up.process.wait(STOPPED_WITHIN_S) == 1
        assert all(gone(pid) for pid in children)
    stderr = (tmp_path / "data.stderr").read_text()
    assert stderr.endswith("payment-gateway: api ended by itself: signal SIGKILL.\n")


def test_a_port_that_is_taken_is_refused_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]

        line = refused(tmp_path / "data", "--port", str(port))

    assert line.startswith(f"payment-gateway: Port {port} on 127.0.0.1 cannot be used")
    assert "--port" in line


def test_a_folder_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    line = refused(tmp_path / "file" / "data")

    assert line.startswith("payment-gateway: The data folder")
    assert "--data-dir" in line


def test_a_wrong_port_number_is_a_usage_error(tmp_path: Path) -> None:
    done = subprocess.run(
        command(tmp_path, "--port", "70000"), capture_output=True, timeout=60, check=False
    )

    assert done.returncode == 2
