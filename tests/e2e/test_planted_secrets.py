"""No planted secret is left anywhere by a whole installation: no file, event, document, log, answer or trace."""

from __future__ import annotations

import asyncio
import base64
import sqlite3
import string
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.ports import free_port
from tests.e2e.planted.search import Places, documents_of, files_below, values_of, writings
from tests.e2e.planted.shop import TENANT, Shop
from tests.e2e.test_up import running
from tests.http_receiver import HttpReceiver, Reply, http_receiver
from tests.mongodb_fixture import mongodb_server
from tests.otlp_receiver import Receiver, otlp_receiver

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

WITHIN_S: Final = 120.0
# MongoDB packs what it writes by default: a search of its files would find nothing, whatever is there.
NOT_PACKED: Final = (
    *("--wiredTigerCollectionBlockCompressor", "none"),
    *("--wiredTigerJournalCompressor", "none"),
)
PAYERS_EMAIL: Final = "sb-buyer@example.com"  # of PayPal's simulator, in its notifications
DELIVERIES: Final = 8  # of two payments and a refund
NOTIFIED: Final = {"PAYMENT.CAPTURE.COMPLETED", "PAYMENT.CAPTURE.REFUNDED"}


@given(st.binary(max_size=9), st.text(string.ascii_letters, min_size=8), st.binary(max_size=9))
def test_a_text_is_found_in_other_writing_too(before: bytes, text: str, after: bytes) -> None:
    whole = before + text.encode() + after
    for place in (whole, whole.hex().encode(), base64.b64encode(whole)):
        assert any(one in place for one in writings(text))


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not await condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.1)


async def everything(shop: Shop, receiver: HttpReceiver) -> str:
    """Do all that a tenant does; return the id of a payment."""
    await shop.open(receiver.url)
    # The first delivery is refused, so that one is sent again.
    receiver.replies.append(Reply(status=500, body=shop.secrets["password"].encode()))
    payment_id = await shop.pay("PAYPAL")
    assert (await shop.refund(payment_id, "1.00")).is_success
    await shop.pay("PAGADITO")
    await shop.be_refused(payment_id)

    async def read() -> bool:
        answer = await shop.ask("GET", f"/api/v1/payments/{payment_id}")
        return answer.status_code == 200 and answer.json()["status"] == "PARTIALLY_REFUNDED"

    await until(read, "the read models do not follow")
    await shop.look_around(payment_id)
    await shop.visit_the_dashboard()
    await until(lambda: notified(shop), "the providers' notifications were not all taken")
    await receiver.wait_for(DELIVERIES)
    return payment_id


async def notified(shop: Shop) -> bool:
    """Whether both providers' notifications were answered with 200."""
    taken: dict[str, set[str]] = {}
    for provider in ("paypal", "pagadito"):
        url = f"{shop.addresses[provider]}/_control/webhooks"
        listed: list[dict[str, Any]] = (await shop.http.get(url)).json()["webhooks"]
        taken[provider] = {
            str(one["eventType"])
            for one in listed
            if one["merchantId"] == TENANT and 200 in [each["status"] for each in one["attempts"]]
        }
    return taken["paypal"] >= NOTIFIED and bool(taken["pagadito"])


def access_tokens(data: Path) -> dict[str, str]:
    """Return the access tokens that PayPal's simulator gave out."""
    with sqlite3.connect(data / "paypal" / "paypal.sqlite3") as store:
        keys = store.execute("SELECT key FROM documents WHERE key LIKE 'A21AA%'").fetchall()
    assert keys, "none was given out"
    return {f"access token {number}": key for number, (key,) in enumerate(keys)}


def in_answers(shop: Shop, text: str) -> list[str]:
    """Return the requests whose answers hold a text, head or body."""
    found = []
    for answer in shop.answers:
        whole = repr(answer.headers.raw).encode() + answer.content
        if any(one in whole for one in writings(text)):
            found.append(f"{answer.request.method} {answer.request.url.path}")
    return found


def left_on_disk(folder: Path) -> Places:
    """Return all files but the key file, and but those of the providers, who know their own secrets."""
    data = folder / "data"
    places = Places()
    apart = (data / "paypal", data / "pagadito", data / "gateway.key")
    for place, content in files_below(folder, apart_from=apart):
        places.add(place, content)
    return places


def held_elsewhere(shop: Shop, receiver: HttpReceiver, traces: Receiver) -> Places:
    places = Places()
    for place, content in (
        *documents_of(shop.addresses["mongodb"]),
        *values_of(shop.addresses["redis"]),
        *(("traces", body) for body in traces.bodies),
        *(("deliveries", repr(one.headers).encode() + one.body) for one in receiver.taken),
    ):
        places.add(place, content)
    return places


async def test_what_is_planted_is_left_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "installation"
    folder.mkdir()
    with (
        otlp_receiver() as traces,
        mongodb_server(folder / "mongodb", free_port(), *NOT_PACKED) as mongodb,
    ):
        environment = {
            "GATEWAY_MONGODB_URI": mongodb,
            "GATEWAY_OTLP_ENDPOINT": traces.url,
            "GATEWAY_LOG_LEVEL": "debug",
        }
        with running(folder / "data", **environment) as up:
            async with (
                http_receiver() as receiver,
                httpx.AsyncClient(timeout=60, trust_env=False) as http,
            ):
                shop = Shop(addresses=up.ready, http=http)
                payment_id = await everything(shop, receiver)
                running_files = left_on_disk(folder)
                elsewhere = held_elsewhere(shop, receiver, traces)
    stopped_files = left_on_disk(folder)
    elsewhere.add("traces", b"\n".join(traces.bodies))  # those of the stop too

    secrets = {
        **shop.secrets,
        **shop.shown_once,
        **access_tokens(folder / "data"),
        "demo key": up.ready["apiKey"],
        "admin key": up.ready["adminKey"],
    }
    personal = {**shop.personal, "payer's e-mail": PAYERS_EMAIL}
    for places in (running_files, stopped_files, elsewhere):
        assert places.leaks({**secrets, **personal}) == {}
    check_the_search(shop, payment_id, running_files, stopped_files, elsewhere)
    shown = {name: in_answers(shop, text) for name, text in secrets.items()}
    assert {name: len(places) for name, places in shown.items() if places} == dict.fromkeys(
        shop.shown_once, 1
    ), shown
    # A payment's own page is where its tenant reads who bought; nowhere else.
    its_own = f"GET /api/v1/payments/{payment_id}"
    assert set(in_answers(shop, shop.personal["email"])) == {its_own}
    assert {one for text in personal.values() for one in in_answers(shop, text)} <= {its_own}


def check_the_search(
    shop: Shop, payment_id: str, running_files: Places, stopped_files: Places, elsewhere: Places
) -> None:
    """What is not protected is found by the same search: in every kind of place there is."""
    kinds = {
        place.partition("/")[0] + "/" + place.rpartition(".")[2]
        for place in running_files.with_text(shop.visible)
    }
    assert "data/sqlite3" in kinds or "data/sqlite3-wal" in kinds, kinds
    assert any("eventstore" in place for place in stopped_files.with_text(shop.visible))
    mongodb = [one for one in stopped_files.with_text(shop.visible) if one.startswith("mongodb/")]
    assert any(place.endswith(".wt") for place in mongodb), mongodb
    logs = [one for one in stopped_files.with_text(payment_id) if "logs/" in one]
    assert logs, sorted(stopped_files.contents)
    held = elsewhere.with_text(shop.visible)
    assert "deliveries" in held
    assert any(place.startswith("mongodb payment_gateway") for place in held), held
    assert "mongodb local.oplog.rs" in held
    assert "traces" in elsewhere.with_text(payment_id)
    assert any(place.startswith("redis") for place in elsewhere.with_text(TENANT))
