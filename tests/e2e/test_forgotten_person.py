"""A person who is forgotten is left nowhere: no file, event, document, cache, log or backup; what was paid stays."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from esdbclient import EventStoreDBClient
from pymongo import MongoClient

from sandbox.ports import free_port
from tests.e2e.planted.search import Places, documents_of, values_of
from tests.e2e.planted.shop import TENANT, Shop
from tests.e2e.test_planted_secrets import (
    NOT_PACKED,
    PAYERS_EMAIL,
    left_on_disk,
    notified,
    until,
)
from tests.e2e.test_up import running
from tests.http_receiver import Reply, http_receiver
from tests.mongodb_fixture import mongodb_server

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

COMMAND_WITHIN_S: Final = 120
SAID: Final = "Nobody called Anabella Quetzal lives here"  # by the receiver of a delivery
WHY: Final = "asked by letter"


@dataclass
class Installation:
    """A running installation, its only shop, and the command line beside it."""

    folder: Path
    environment: Mapping[str, str]
    shop: Shop

    @property
    def person(self) -> str:
        return self.shop.personal["name"]  # their reference at the shop, too

    async def run(self, *words: str) -> Any:
        """Run a command and return what it printed, as JSON where it is some."""
        return await asyncio.to_thread(self._run, words)

    def _run(self, words: tuple[str, ...]) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "payment_gateway", *words, "--json"],
            env={**os.environ, **self.environment, "GATEWAY_DATA_DIR": str(self.folder / "data")},
            capture_output=True,
            text=True,
            timeout=COMMAND_WITHIN_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    async def get(self, path: str, *, as_admin: bool = False) -> Any:
        key = self.shop.addresses["adminKey"] if as_admin else None
        answer = await self.shop.ask("GET", f"/api/v1{path}", key=key)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()

    async def excerpts(self) -> list[str | None]:
        """Return what the receiver said to each attempt of a delivery that failed once."""
        (endpoint,) = (await self.get(f"/webhook-endpoints?tenantId={TENANT}", as_admin=True))[
            "data"
        ]
        listed = await self.get(f"/webhook-endpoints/{endpoint['id']}/deliveries", as_admin=True)
        details = [
            await self.get(f"/webhook-deliveries/{one['id']}", as_admin=True)
            for one in listed["data"]
        ]
        return [
            attempt["answer"]
            for one in details
            for attempt in one["history"]
            if attempt["status"] == 500
        ]

    def wrapped_keys(self, payment_id: str) -> dict[str, str]:
        """Return the key of a payment's customer as the log has it, by name."""
        client: MongoClient[dict[str, Any]] = MongoClient(self.shop.addresses["mongodb"])
        with client:
            (name,) = client["payment_gateway"].list_collection_names(
                filter={"name": {"$regex": "^payment_details_g[0-9]+$"}}
            )
            document = client["payment_gateway"][name].find_one({"_id": payment_id})
        assert document is not None
        reader = EventStoreDBClient(self.shop.addresses["eventstore"])
        try:
            stream = reader.get_stream(f"subject-{document['subjectId']}")
        finally:
            reader.close()
        keys = [str(json.loads(event.data)["wrappedKey"]) for event in stream]
        return {f"key {number}": key.rpartition(".")[2] for number, key in enumerate(keys)}

    def everywhere(self) -> Places:
        places = left_on_disk(self.folder)
        for place, content in (
            *documents_of(self.shop.addresses["mongodb"]),
            *values_of(self.shop.addresses["redis"]),
        ):
            places.add(place, content)
        return places


async def a_customers_day(here: Installation, receiver_url: str) -> tuple[str, dict[str, Any]]:
    """Buy at both providers, get something back, look at the lists; return a payment as it is shown."""
    shop = here.shop
    await shop.open(receiver_url)
    payment_id = await shop.pay("PAYPAL")
    assert (await shop.refund(payment_id, "1.00")).is_success
    await shop.pay("PAGADITO")

    async def followed() -> bool:
        answer = await shop.ask("GET", f"/api/v1/payments/{payment_id}")
        return answer.status_code == 200 and answer.json()["status"] == "PARTIALLY_REFUNDED"

    async def failed() -> bool:
        return await here.excerpts() == [SAID]

    await until(followed, "the read models do not follow")
    await until(failed, "no delivery failed")
    await until(lambda: notified(shop), "the providers' notifications were not all taken")
    for _ in range(2):  # the second is answered from the cache
        assert len((await here.get("/payments"))["data"]) == 2
    return payment_id, await here.get(f"/payments/{payment_id}")


async def check_forgotten(here: Installation, payment_id: str, before: dict[str, Any]) -> None:
    """What belongs to the person is gone from what is shown, and nothing else is."""
    assert before["customer"]["email"] == here.shop.personal["email"]
    after = await here.get(f"/payments/{payment_id}")
    assert (after["customer"], after["customParams"]) == (None, None)
    unchanged = before.keys() - {"customer", "customParams"}
    assert {name: after[name] for name in unchanged} == {name: before[name] for name in unchanged}
    assert await here.excerpts() == [None]
    kept = await here.run("subjects", "show", here.person, "--tenant", TENANT)
    assert (kept["payments"], kept["readable"]) == (2, False)
    trail = await here.run("audit", "--tenant", TENANT)
    (erasure,) = [one for one in trail["data"] if one["event"] == "SubjectForgotten"]
    assert erasure["reason"] == WHY
    assert here.person not in json.dumps(trail)


async def check_rebuilt(here: Installation, payment_id: str) -> None:
    """Read models that are built anew from what is left show the same."""
    before = await here.get(f"/payments/{payment_id}")
    await here.run("projections", "rebuild", "payment_details", "--workers", "1")
    assert await here.get(f"/payments/{payment_id}") == before
    for model in ("payment_details", "audit_log"):
        assert (await here.run("projections", "verify", model)) is not None  # or it exits with 1


async def test_a_person_who_is_forgotten_is_left_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "installation"
    folder.mkdir()
    with mongodb_server(folder / "mongodb", free_port(), *NOT_PACKED) as mongodb:
        environment = {"GATEWAY_MONGODB_URI": mongodb, "GATEWAY_LOG_LEVEL": "debug"}
        with running(folder / "data", **environment) as up:
            async with (
                http_receiver() as receiver,
                httpx.AsyncClient(timeout=60, trust_env=False) as http,
            ):
                receiver.replies.append(Reply(status=500, body=SAID.encode()))
                here = Installation(folder, environment, Shop(addresses=up.ready, http=http))
                payment_id, before = await a_customers_day(here, receiver.url)
                keys = here.wrapped_keys(payment_id)
                marks = {**here.shop.personal, "payer": PAYERS_EMAIL, "said": SAID, **keys}
                held = here.everywhere().leaks(keys)
                assert held.keys() == keys.keys(), "the search would find nothing"

                body = {"tenantId": TENANT, "reference": here.person, "reason": WHY}
                forgotten = await here.shop.administer("/subjects/forget", body)
                again = ("subjects", "forget", here.person, "--tenant", TENANT, "--yes")
                assert (await here.run(*again))["forgottenAt"] is not None
                assert forgotten.keys() == {"tenantId", "forgottenAt"}

                await check_forgotten(here, payment_id, before)
                await here.run(
                    *("eventstore", "backup", "--data-dir", str(folder / "data" / "eventstore")),
                    *("--to", str(folder / "events.backup")),
                )
                assert here.everywhere().leaks(marks) == {}
                await check_rebuilt(here, payment_id)
                await here.shop.pay("PAYPAL")  # they come back, and are readable again
                kept = await here.run("subjects", "show", here.person, "--tenant", TENANT)
                assert kept["readable"]
    places = left_on_disk(folder)
    assert places.leaks(marks) == {}
    assert places.with_text(here.shop.visible), "the search would find nothing"
    assert "events.backup" in places.with_text(here.shop.visible)
