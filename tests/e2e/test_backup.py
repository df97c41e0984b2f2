"""``payment-gateway backup`` while customers buy, ``restore`` into an empty folder, and ``up`` on that."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.contracts.provider_sandbox import token_of
from tests.e2e.test_up import Up, initiate, running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

WITHIN_S = 120.0
BOUGHT_BEFORE = 5
BOUGHT_DURING = 3


def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "payment_gateway", *arguments],
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )


def buy(up: Up) -> str:
    """Buy as the demo tenant's customer, and return the id of the completed payment."""
    payment = initiate(up)
    form = {"token": token_of(payment["checkoutUrl"]), "funding": "instant"}
    address = f"{up.ready['paypal']}/checkoutnow/approve"
    assert httpx.post(address, data=form, trust_env=False, timeout=30).status_code == 303
    body = {"tenantId": "demo", "providerType": "PAYPAL", "paymentId": payment["paymentId"]}
    assert up.api("POST", "/payments/complete", body)["status"] == "COMPLETED"
    return str(payment["paymentId"])


@contextmanager
def customers(up: Up, bought: list[str]) -> Iterator[None]:
    """Have customers come one after the other while the block runs."""
    stopped = threading.Event()

    def come() -> None:
        while not stopped.is_set():
            bought.append(buy(up))

    thread = threading.Thread(target=come)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(WITHIN_S)
        assert not thread.is_alive()


def wait_for(bought: list[str], count: int) -> None:
    deadline = time.monotonic() + WITHIN_S
    while len(bought) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_backup_under_load_is_brought_back_and_goes_on(tmp_path: Path) -> None:
    """What was bought before it began is there, in the events, in the books and in the read models alike."""
    data, file, restored = tmp_path / "data", tmp_path / "backup.tar.gz", tmp_path / "restored"
    bought: list[str] = []
    with running(data) as up, customers(up, bought):
        wait_for(bought, BOUGHT_BEFORE)
        before = list(bought)
        made = cli("backup", str(file), "--data-dir", str(data), "--json")
        assert made.returncode == 0, made.stderr
        wait_for(bought, len(bought) + BOUGHT_DURING)
    assert file.stat().st_mode & 0o777 == 0o600

    done = cli("restore", str(file), "--data-dir", str(restored), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(made.stdout)
    for path in restored.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    again = cli("restore", str(file), "--data-dir", str(restored))
    assert (again.returncode, "is not empty" in again.stderr) == (1, True)

    with running(restored) as up:
        assert up.ready["apiKey"], "the same keys open it"
        captured = {
            one["customId"]: one["amount"]
            for one in httpx.get(f"{up.ready['paypal']}/_control/ledger", trust_env=False).json()[
                "captures"
            ]
        }
        for payment_id in before:
            wait_until_shown(up, payment_id)
            assert captured[payment_id] == "19.99"
        known = up.api("GET", "/payments?status=COMPLETED&limit=100")["data"]
        assert {one["paymentId"] for one in known} <= set(captured), (
            "what the events say is in the books"
        )
        buy(up)
        for name in ("payment_details", "payment_list", "daily_stats"):
            verified = cli_of(restored, "projections", "verify", name)
            assert verified.returncode == 0, verified.stdout


def cli_of(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command on the installation that runs on a folder."""
    return subprocess.run(
        [sys.executable, "-m", "payment_gateway", *arguments],
        env={"GATEWAY_DATA_DIR": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )


def wait_until_shown(up: Up, payment_id: str) -> None:
    """Wait until the read models, built anew, show the payment as completed."""
    deadline = time.monotonic() + WITHIN_S
    headers = {"Authorization": f"Bearer {up.ready['apiKey']}"}
    address = f"{up.ready['api']}/api/v1/payments/{payment_id}"
    while True:
        answer = httpx.get(address, headers=headers, trust_env=False, timeout=30)
        if answer.status_code == 200 and answer.json()["status"] == "COMPLETED":
            return
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a small installation that never ran: its events, and a key."""
    folder = tmp_path_factory.mktemp("small")
    data = folder / "data"
    store = data / "eventstore"
    store.mkdir(parents=True)
    (data / "gateway.key").write_text("of no use")
    with subprocess.Popen(
        [sys.executable, "-m", "sandbox.eventstore", "--data-dir", str(store), "--port", "0"],
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.terminate()
    made = cli("backup", str(folder / "backup.tar.gz"), "--data-dir", str(data))
    assert made.returncode == 0, made.stderr
    return folder / "backup.tar.gz"


def test_a_file_that_is_there_is_not_overwritten(backup: Path) -> None:
    before = backup.read_bytes()

    done = cli("backup", str(backup), "--data-dir", str(backup.parent / "data"))

    assert (done.returncode, "name a new file" in done.stderr) == (1, True)
    assert backup.read_bytes() == before


def changed(backup: Path, target: Path, name: str, content: bytes) -> Path:
    """Return a copy of a backup in which one file is another."""
    with tarfile.open(backup) as source, tarfile.open(target, "w:gz") as copy:
        for member in source:
            packed = source.extractfile(member)
            assert packed is not None
            data = content if member.name == name else packed.read()
            (target.parent / "member").write_bytes(data)
            copy.add(target.parent / "member", arcname=member.name)
    return target


@pytest.mark.parametrize("name", ["gateway.key", "eventstore/eventstore.sqlite3", "manifest.json"])
def test_a_damaged_backup_is_refused_and_leaves_the_folder_empty(
    backup: Path, tmp_path: Path, name: str
) -> None:
    damaged = changed(backup, tmp_path / "damaged.tar.gz", name, b"{}")

    done = cli("restore", str(damaged), "--data-dir", str(tmp_path / "new"))

    assert (done.returncode, done.stdout) == (1, "")
    assert {one.name for one in (tmp_path / "new").iterdir()} <= {"lock"}


def test_a_path_that_leads_out_of_the_folder_is_refused(backup: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "hostile.tar.gz"
    with tarfile.open(hostile, "w:gz") as archive:
        archive.add(backup, arcname="../outside")

    done = cli("restore", str(hostile), "--data-dir", str(tmp_path / "new"))

    assert (done.returncode, "is no backup" in done.stderr) == (1, True)
    assert not (tmp_path / "outside").exists()


def test_half_a_file_is_refused(backup: Path, tmp_path: Path) -> None:
    half = backup.read_bytes()
    (tmp_path / "half").write_bytes(half[: len(half) // 2])

    done = cli("restore", str(tmp_path / "half"), "--data-dir", str(tmp_path / "new"))

    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
