"""The simulators as real processes: ready line, sockets, restart, sudden death."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.child_process import Child, ready_line, running

READY_S = 20
END_S = 10
UID, WSK = "a" * 32, "b" * 32
ORDER = {
    "intent": "CAPTURE",
    "purchase_units": [
        {"invoice_id": "i1", "amount": {"currency_code": "USD", "value": "15.50"}},
    ],
    "application_context": {"return_url": "https://shop.test/back"},
}


class Simulator:
    """A running simulator and a client of it."""

    def __init__(self, process: Child, ready: dict[str, str]) -> None:
        self.process = process
        self.ready = ready
        [self.url] = ready.values()
        self.http = httpx.Client(base_url=self.url, timeout=10)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal the process and return its exit status."""
        self.http.close()
        self.process.send_signal(number)
        return self.process.wait(END_S)


def command(provider: str, folder: Path, *options: str) -> list[str]:
    program = [sys.executable, "-m", "sandbox.providers", provider]
    return [*program, "--data-dir", str(folder), *options]


@contextmanager
def simulator(provider: str, folder: Path, *options: str) -> Iterator[Simulator]:
    log = folder.with_name(f"{folder.name}.log")
    with running(command(provider, folder, *options), log=log) as process:
        simulated = Simulator(process, ready_line(process, log))
        with simulated.http:
            yield simulated


def paypal_headers(paypal: Simulator, key: str) -> dict[str, str]:
    token = paypal.http.post(
        "/v1/oauth2/token", data={"grant_type": "client_credentials"}, auth=("shop", "secret")
    ).json()["access_token"]
    return {
        "Authorization": f"Bearer {token}",
        "PayPal-Request-Id": key,
        "Prefer": "return=representation",
    }


def approved_order(paypal: Simulator) -> str:
    merchant = {"clientId": "shop", "clientSecret": "secret", "webhookId": "WH"}
    paypal.http.post("/_control/merchants", json=merchant).raise_for_status()
    headers = paypal_headers(paypal, "create")
    order_id: str = paypal.http.post("/v2/checkout/orders", json=ORDER, headers=headers).json()[
        "id"
    ]
    answer = paypal.http.post("/checkoutnow/approve", data={"token": order_id})
    assert answer.headers["location"].startswith(f"https://shop.test/back?token={order_id}&PayerID")
    return order_id


def capture(paypal: Simulator, order_id: str, headers: dict[str, str]) -> httpx.Response:
    return paypal.http.post(f"/v2/checkout/orders/{order_id}/capture", json={}, headers=headers)


def apipg(pagadito: Simulator, operation: str, **fields: str) -> Any:
    form = {"operation": operation, "format_return": "json"} | fields
    return pagadito.http.post("/apipg/charges.php", data=form).json()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("provider", ["paypal", "pagadito"])
def test_prints_one_line_and_ends_with_zero(
    tmp_path: Path, provider: str, number: signal.Signals
) -> None:
    with simulator(provider, tmp_path) as running:
        assert running.ready.keys() == {provider}
        assert running.http.get("/_control/ledger").status_code == 200
        assert running.stop(number) == 0
        assert running.process.stdout is not None
        assert running.process.stdout.read() == b""


def test_an_order_outlives_a_restart(tmp_path: Path) -> None:
    with simulator("paypal", tmp_path) as first:
        order_id = approved_order(first)
        headers = paypal_headers(first, "capture")
        first.http.post("/_control/clock", json={"advanceSeconds": 3600}).raise_for_status()
        before = first.http.get("/_control/clock").json()["now"]
        assert first.stop() == 0
    with simulator("paypal", tmp_path) as second:
        shown = second.http.get(f"/v2/checkout/orders/{order_id}", headers=headers).json()
        assert shown["status"] == "APPROVED"
        assert shown["links"][0]["href"].startswith(second.url)
        assert second.http.get("/_control/clock").json()["now"] >= before
        assert capture(second, order_id, headers).status_code == 201


def test_an_acknowledged_capture_outlives_a_kill(tmp_path: Path) -> None:
    with simulator("paypal", tmp_path) as first:
        order_id = approved_order(first)
        headers = paypal_headers(first, "capture")
        taken = capture(first, order_id, headers)
        assert taken.status_code == 201
        first.stop(signal.SIGKILL)
    with simulator("paypal", tmp_path) as second:
        again = capture(second, order_id, headers)
        assert again.status_code == 200
        payments = [body["purchase_units"][0]["payments"] for body in (taken.json(), again.json())]
        assert payments[0]["captures"][0]["id"] == payments[1]["captures"][0]["id"]
        books = second.http.get("/_control/ledger").json()
        assert [entry["amount"] for entry in books["captures"]] == ["15.50"]


@pytest.mark.parametrize(("kind", "captures"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_connection_hides_the_outcome(tmp_path: Path, kind: str, captures: int) -> None:
    with simulator("paypal", tmp_path) as paypal:
        order_id = approved_order(paypal)
        headers = paypal_headers(paypal, "capture")
        script = {"operation": "capture", "kind": kind}
        paypal.http.post("/_control/faults", json=script).raise_for_status()
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            capture(paypal, order_id, headers)
        books = paypal.http.get("/_control/ledger").json()
        assert len(books["captures"]) == captures
        assert capture(paypal, order_id, headers).status_code == (200 if captures else 201)


def test_a_charge_is_paid_and_outlives_a_kill(tmp_path: Path) -> None:
    template = "https://shop.test/back/{value}/{ern_value}"
    with simulator("pagadito", tmp_path, "--return-url-template", template) as first:
        merchant = {"uid": UID, "wsk": WSK}
        first.http.post("/_control/merchants", json=merchant).raise_for_status()
        connect = "f3f191ce3326905ff4403bb05b0de150"
        token = apipg(first, connect, uid=UID, wsk=WSK)["value"]
        lines = json.dumps([{"quantity": 1, "description": "Tea", "price": 15.5}])
        fields = {"token": token, "ern": "E-1", "amount": "15.50", "details": lines}
        charge = apipg(first, "41216f8caf94aaa598db137e36d4673e", **fields, currency="USD")
        assert charge["value"].startswith(
            f"{first.url}/comercios/index.php?mod=login&token={token}"
        )
        assert "15.50 USD" in first.http.get(charge["value"]).text
        paid = first.http.post("/comercios/pay", data={"token": token, "action": "pay"})
        assert paid.headers["location"] == f"https://shop.test/back/{token}/E-1"
        first.stop(signal.SIGKILL)
    with simulator("pagadito", tmp_path) as second:
        session = apipg(second, connect, uid=UID, wsk=WSK)["value"]
        fields = {"token": session, "token_trans": token}
        status = apipg(second, "0b50820c65b0de71ce78f6221a5cf876", **fields)
        assert status["value"]["status"] == "COMPLETED"


def test_a_rule_and_a_public_address_of_its_own(tmp_path: Path) -> None:
    options = ("--rule", "order_validity_s=60", "--public-url", "https://paypal.example/")
    with simulator("paypal", tmp_path, *options) as paypal:
        order_id = approved_order(paypal)
        headers = paypal_headers(paypal, "x")
        path = f"/v2/checkout/orders/{order_id}"
        shown = paypal.http.get(path, headers=headers).json()
        assert shown["links"][0]["href"] == f"https://paypal.example{path}"
        paypal.http.post("/_control/clock", json={"advanceSeconds": 60}).raise_for_status()
        assert paypal.http.get(path, headers=headers).status_code == 404


def test_says_why_it_cannot_start(tmp_path: Path) -> None:
    not_a_folder = tmp_path / "file"
    not_a_folder.touch()
    refuse_to_start(command("paypal", not_a_folder), 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refuse_to_start(command("paypal", tmp_path / "data", "--port", port), 1)
    with simulator("paypal", tmp_path / "held"):
        refuse_to_start(command("paypal", tmp_path / "held"), 1)


@pytest.mark.parametrize(
    "options",
    [
        ("--rule", "gravity=9.81"),
        ("--rule", "order_validity_s=0"),
        ("--public-url", "paypal.example"),
        ("--return-url-template", "https://shop.test/{value}"),
    ],
)
def test_an_impossible_option_is_wrong_usage(tmp_path: Path, options: tuple[str, ...]) -> None:
    refuse_to_start(command("paypal", tmp_path, *options), 2)


def refuse_to_start(arguments: list[str], status: int) -> None:
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=READY_S, check=False)
    assert ended.returncode == status
    assert ended.stdout == ""
    if status == 1:
        [reason] = ended.stderr.splitlines()
        assert reason.startswith("paypal simulator: cannot")
    else:
        assert "error: " in ended.stderr
