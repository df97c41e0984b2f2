"""Late, slow and empty answers, and bursts of refusals, on demand."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response
from starlette.types import Message

from sandbox.providers.faults import PIECES_MAX, Fault, FaultKind, FaultScript
from tests.unit.sandbox.pagadito_merchant import pagadito_merchant
from tests.unit.sandbox.paypal_merchant import PayPalMerchant, paypal_merchant

DELAY_MS = 150


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[PayPalMerchant]:
    async with paypal_merchant(tmp_path) as merchant:
        yield merchant


async def script(shop: PayPalMerchant, **fault: Any) -> None:
    answer = await shop.http.post("/_control/faults", json={"operation": "capture"} | fault)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("kind", ["delay_before", "delay_after", "slow_bytes"])
async def test_a_late_answer_is_the_right_one(shop: PayPalMerchant, kind: str) -> None:
    order_id = await shop.approved()
    await script(shop, kind=kind, delayMs=DELAY_MS)
    began = time.monotonic()
    answer = await shop.capture(order_id)
    assert time.monotonic() - began >= DELAY_MS / 1000
    assert (answer.status_code, answer.json()["status"]) == (201, "COMPLETED")
    assert int(answer.headers["content-length"]) == len(answer.content)


async def test_slow_bytes_come_in_a_bounded_number_of_pieces() -> None:
    body = bytes(range(256)) * 40
    slow = FaultScript(operations=frozenset({"read"}), codes=frozenset())
    slow.add(Fault(operation="read", kind=FaultKind.SLOW_BYTES, delay_ms=1))
    sent: list[bytes] = []

    async def call() -> Response:
        return Response(body)

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body" and message["body"]:
            sent.append(message["body"])

    answer = await slow.around("read", call, lambda _: Response())
    await answer({"type": "http", "asgi": {"spec_version": "2.4"}}, never, send)
    assert 1 < len(sent) <= PIECES_MAX
    assert b"".join(sent) == body


async def never() -> Message:
    raise AssertionError("nothing is read from the client")


async def test_an_empty_answer_to_work_that_was_done(shop: PayPalMerchant) -> None:
    order_id = await shop.approved()
    await script(shop, kind="empty_after")
    answer = await shop.capture(order_id, key="k")
    assert (answer.status_code, answer.content) == (201, b"")
    assert len((await shop.ledger())["captures"]) == 1
    assert (await shop.capture(order_id, key="k")).status_code == 200


async def test_a_burst_with_and_without_retry_after(shop: PayPalMerchant) -> None:
    order_id = await shop.approved()
    await script(shop, kind="refuse", code="RATE_LIMIT_REACHED", times=2, retryAfterS=7)
    await script(shop, kind="refuse", code="RATE_LIMIT_REACHED")
    await script(shop, kind="status", status=503, retryAfterS=0)
    answers = [await shop.capture(order_id) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [429, 429, 429, 503, 201]
    waits = [answer.headers.get("retry-after") for answer in answers]
    assert waits == ["7", "7", None, "0", None]
    assert answers[0].json()["name"] == "RATE_LIMIT_REACHED"
    assert answers[3].headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "delay_after"},
        {"kind": "status", "delayMs": 10},
        {"kind": "slow_bytes", "delayMs": 10, "retryAfterS": 1},
        {"kind": "delay_before", "delayMs": 10_000_000},
        {"kind": "delay_before", "delayMs": 0},
    ],
)
async def test_a_contradiction_is_refused(shop: PayPalMerchant, fault: dict[str, Any]) -> None:
    answer = await shop.http.post("/_control/faults", json={"operation": "capture"} | fault)
    assert answer.status_code == 422
    assert answer.json()["error"]


async def test_pagadito_answers_late_and_empty_as_well(tmp_path: Path) -> None:
    async with pagadito_merchant(tmp_path) as shop:
        token = await shop.connect()
        lost = {"operation": "get_status", "kind": "empty_after"}
        assert (await shop.http.post("/_control/faults", json=lost)).status_code == 201
        body = {"token": token}
        answer = await shop.http.post("/api/v2/get-status", json=body)
        assert answer.content == b""
