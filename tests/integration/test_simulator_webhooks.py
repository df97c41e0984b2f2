"""Simulators as real processes tell merchants what happened, also after a restart or a sudden death."""

import base64
import json
import stat
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from tests.child_process import Child, kill, ready_line, running, stop
from tests.unit.sandbox.webhook_receiver import (
    LOOK_EVERY_S,
    WAIT_S,
    Received,
    Receiver,
    webhook_receiver,
)

UID, WSK = "a" * 32, "b" * 32
ORDER = {
    "intent": "CAPTURE",
    "purchase_units": [{"amount": {"currency_code": "USD", "value": "15.50"}}],
}


class Simulator:
    """A running simulator, its merchant and its payer."""

    def __init__(self, process: Child, url: str) -> None:
        self.process = process
        self.http = httpx.Client(base_url=url, timeout=10, trust_env=False)

    def control(self, path: str, **body: Any) -> Any:
        answer = self.http.post(f"/_control/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def webhooks(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.http.get("/_control/webhooks").json()["webhooks"]
        return entries

    def become(self, *states: str) -> None:
        """Wait until the notifications have come to these states."""
        deadline = time.monotonic() + WAIT_S
        while [entry["state"] for entry in self.webhooks()] != list(states):
            assert time.monotonic() < deadline, self.webhooks()
            time.sleep(LOOK_EVERY_S)

    def register_paypal(self, webhook_url: str) -> None:
        self.control(
            "merchants",
            clientId="shop",
            clientSecret="secret",
            webhookId="WH-1",
            webhookUrl=webhook_url,
        )

    def capture(self) -> str:
        """Take the money of a new order; return the order's id."""
        token = self.http.post(
            "/v1/oauth2/token", data={"grant_type": "client_credentials"}, auth=("shop", "secret")
        ).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        order_id: str = self.http.post("/v2/checkout/orders", json=ORDER, headers=headers).json()[
            "id"
        ]
        self.http.post("/checkoutnow/approve", data={"token": order_id})
        path = f"/v2/checkout/orders/{order_id}/capture"
        assert self.http.post(path, json={}, headers=headers).status_code == 201
        return order_id


@contextmanager
def simulator(provider: str, folder: Path, *options: str) -> Iterator[Simulator]:
    program = [sys.executable, "-m", "sandbox.providers", provider, "--data-dir", str(folder)]
    log = folder.parent / f"{provider}.log"
    with running([*program, *options], log=log) as process:
        simulated = Simulator(process, ready_line(process, log)[provider])
        with simulated.http:
            yield simulated
    assert "Traceback" not in log.read_text()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with webhook_receiver() as listening:
        yield listening


def check_paypal(simulated: Simulator, received: Received) -> None:
    headers = received.headers
    pem = simulated.http.get(headers["PAYPAL-CERT-URL"]).content
    key = x509.load_pem_x509_certificate(pem).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    parts = (
        headers["PAYPAL-TRANSMISSION-ID"],
        headers["PAYPAL-TRANSMISSION-TIME"],
        "WH-1",
        str(zlib.crc32(received.body)),
    )
    signature = base64.b64decode(headers["PAYPAL-TRANSMISSION-SIG"])
    key.verify(signature, "|".join(parts).encode(), padding.PKCS1v15(), SHA256())


def test_a_payment_is_told_with_signatures_that_verify(tmp_path: Path, receiver: Receiver) -> None:
    folder = tmp_path / "data"
    with simulator("paypal", folder) as paypal:
        paypal.register_paypal(receiver.url)
        paypal.capture()
        received = receiver.wait_for(2)
        assert {one.told for one in received} == {
            "CHECKOUT.ORDER.APPROVED",
            "PAYMENT.CAPTURE.COMPLETED",
        }
        for one in received:
            check_paypal(paypal, one)
    assert stat.S_IMODE((folder / "paypal-webhook-key.json").stat().st_mode) == 0o600


def test_pagadito_tells_and_serves_its_certificate(tmp_path: Path, receiver: Receiver) -> None:
    with simulator("pagadito", tmp_path / "data") as pagadito:
        pagadito.control("merchants", uid=UID, wsk=WSK, webhookUrl=receiver.url)
        lines = [{"quantity": 1, "description": "Tea", "price": 15.5}]
        body = {"ern": "E-1", "amount": 15.5, "currency": "USD", "details": lines}
        charge = pagadito.http.post("/api/v2/exec-trans", json=body, auth=(UID, WSK)).json()
        token = charge["data"]["token"]
        pagadito.http.post("/comercios/pay", data={"token": token, "action": "pay"})
        told = {one.told: one for one in receiver.wait_for(2)}
        completed = told["COMPLETED"]
        assert completed.event["resource"]["token"] == token
        pem = pagadito.http.get(completed.headers["PAGADITO-CERT-URL"]).content
        key = x509.load_pem_x509_certificate(pem).public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        parts = (
            completed.headers["PAGADITO-NOTIFICATION-ID"],
            completed.headers["PAGADITO-NOTIFICATION-TIMESTAMP"],
            completed.event["id"],
            str(zlib.crc32(completed.body)),
            WSK,
        )
        signature = base64.b64decode(completed.headers["PAGADITO-SIGNATURE"])
        key.verify(signature, "|".join(parts).encode(), padding.PKCS1v15(), SHA256())


@pytest.mark.parametrize("end", [stop, kill])
def test_a_restart_keeps_what_was_not_taken(tmp_path: Path, receiver: Receiver, end: Any) -> None:
    folder = tmp_path / "data"
    with simulator("paypal", folder) as first:
        first.register_paypal(receiver.url)
        receiver.statuses = [503] * 100
        first.capture()
        receiver.wait_for(2)
        waiting = {entry["id"] for entry in first.webhooks()}
        end(first.process)
    receiver.statuses = []
    already = len(receiver.all())
    with simulator("paypal", folder) as second:
        second.become("DELIVERED", "DELIVERED")
        taken = receiver.all()[already:]
        assert {one.event["id"] for one in taken} == waiting
        for one in taken:
            check_paypal(second, one)


def test_a_restart_keeps_what_is_held(tmp_path: Path, receiver: Receiver) -> None:
    folder = tmp_path / "data"
    with simulator("paypal", folder) as first:
        first.register_paypal(receiver.url)
        first.control("webhooks", mode="hold")
        first.capture()
    with simulator("paypal", folder) as second:
        approved, captured = second.webhooks()
        assert [approved["state"], captured["state"]] == ["WAITING", "WAITING"]
        assert second.http.get("/_control/webhooks").json()["mode"] == "hold"
        assert receiver.all() == []
        second.control(f"webhooks/{captured['id']}/deliver", times=2)
        second.control("webhooks", mode="auto")
        second.become("DELIVERED", "DELIVERED")
    ids = [one.event["id"] for one in receiver.all()]
    assert ids == [captured["id"], captured["id"], approved["id"]]


def test_a_review_ends_after_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    folder = tmp_path / "data"
    with simulator("paypal", folder) as first:
        first.register_paypal(receiver.url)
        first.control("scenarios", name="pending-then-completed", afterMs=3_600_000)
        first.capture()
        receiver.wait_for(2)
    with simulator("paypal", folder) as second:
        second.control("clock", advanceSeconds=3600)
        told = [one.told for one in receiver.wait_for(3)]
        assert told[2] == "PAYMENT.CAPTURE.COMPLETED"
        [entry] = second.http.get("/_control/ledger").json()["captures"]
        assert entry["status"] == "COMPLETED"


def test_duplicate_and_reordered_on_demand(tmp_path: Path, receiver: Receiver) -> None:
    with simulator("paypal", tmp_path / "data") as paypal:
        paypal.register_paypal(receiver.url)
        paypal.control("scenarios", name="webhook-reordered", afterMs=50)
        paypal.control("scenarios", name="webhook-duplicate")
        reordered = paypal.capture()
        receiver.wait_for(2)
        duplicated = paypal.capture()
        received = receiver.wait_for(6)
    told = [(one.told, json.loads(one.body)["id"]) for one in received]
    assert [name for name, _ in told[:2]] == [
        "PAYMENT.CAPTURE.COMPLETED",
        "CHECKOUT.ORDER.APPROVED",
    ]
    assert received[1].event["resource"]["id"] == reordered
    assert sorted(name for name, _ in told[2:]) == [
        "CHECKOUT.ORDER.APPROVED",
        "CHECKOUT.ORDER.APPROVED",
        "PAYMENT.CAPTURE.COMPLETED",
        "PAYMENT.CAPTURE.COMPLETED",
    ]
    assert len({event_id for _, event_id in told[2:]}) == 2
    assert duplicated != reordered


def test_the_books_agree_to_the_cent_with_what_was_told(tmp_path: Path, receiver: Receiver) -> None:
    with simulator("paypal", tmp_path / "data") as paypal:
        paypal.register_paypal(receiver.url)
        for _ in range(5):
            paypal.capture()
        captured = {
            one.event["resource"]["id"]: one.event["resource"]["amount"]["value"]
            for one in receiver.wait_for(10)
            if one.told == "PAYMENT.CAPTURE.COMPLETED"
        }
        books = paypal.http.get("/_control/ledger").json()["captures"]
    assert captured == {entry["id"]: entry["amount"] for entry in books}


def test_slow_bytes_over_a_socket(tmp_path: Path, receiver: Receiver) -> None:
    with simulator("paypal", tmp_path / "data") as paypal:
        paypal.register_paypal(receiver.url)
        paypal.control("scenarios", name="slow-capture-answer", afterMs=300)
        began = time.monotonic()
        paypal.capture()
        assert time.monotonic() - began >= 0.3
