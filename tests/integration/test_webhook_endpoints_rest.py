"""Outgoing webhooks of a running installation: over REST, through the reactors, to real receivers."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from standardwebhooks import Webhook

from tests.child_process import Child, kill, launch, running
from tests.event_store_fixture import embedded_event_store_uri
from tests.http_receiver import HttpReceiver, Reply, http_receiver
from tests.integration.rest.installation import Installation, client, running_installation
from tests.integration.rest.shop import Shop, open_shop
from tests.mongodb_fixture import mongodb_uri

__all__ = ["embedded_event_store_uri", "mongodb_uri"]

PATH: Final = "/api/v1/webhook-endpoints"
OPENED: Final = ["CheckoutCreated", "PaymentInitiated", "ProviderAttemptStarted"]
WITHIN_S: Final = 30.0
LOOK_EVERY_S: Final = 0.05
ROUNDS: Final = 10
WORK: Final = (sys.executable, "-m", "payment_gateway", "work")

pytestmark = pytest.mark.xdist_group("webhook-endpoints")


@pytest.fixture(scope="module")
def installation(
    tmp_path_factory: pytest.TempPathFactory, embedded_event_store_uri: str, mongodb_uri: str
) -> Generator[Installation, None, None]:
    folder = tmp_path_factory.mktemp("installation")
    with running_installation(folder, embedded_event_store_uri, mongodb_uri) as built:
        yield built


@pytest.fixture(scope="module")
def reactors(installation: Installation) -> Generator[None, None, None]:
    with reacting(installation):
        yield


@contextmanager
def reacting(installation: Installation) -> Generator[Child, None, None]:
    log = installation.folder / "work.log"
    with running(WORK, log=log, env=installation.environment) as process:
        yield process


@pytest.fixture
async def shop(installation: Installation) -> AsyncGenerator[Shop, None]:
    async with open_shop(installation) as opened:
        yield opened


@pytest.fixture
async def admin(installation: Installation) -> AsyncGenerator[httpx.AsyncClient, None]:
    async with client(installation.url, headers=installation.authorization("admin")) as opened:
        yield opened


@pytest.fixture
async def receiver() -> AsyncGenerator[HttpReceiver, None]:
    async with http_receiver() as listening:
        yield listening


@pytest.fixture
async def endpoint(
    admin: httpx.AsyncClient, receiver: HttpReceiver
) -> AsyncGenerator[dict[str, Any], None]:
    """Yield an endpoint of acme that takes everything, until the test ends."""
    created = await admin.post(PATH, json={"tenantId": "acme", "url": receiver.url})
    assert created.status_code == 201, created.text
    body: dict[str, Any] = created.json()
    yield body
    gone = await admin.delete(f"{PATH}/{body['id']}")
    assert gone.status_code == 204


async def deliveries(
    admin: httpx.AsyncClient, endpoint_id: str, **query: str | int
) -> list[dict[str, Any]]:
    answer = await admin.get(f"{PATH}/{endpoint_id}/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


async def until_deliveries(
    admin: httpx.AsyncClient, endpoint_id: str, *statuses: str
) -> list[dict[str, Any]]:
    deadline = time.monotonic() + WITHIN_S
    while True:
        found = await deliveries(admin, endpoint_id)
        if sorted(one["status"] for one in found) == sorted(statuses):
            return found
        assert time.monotonic() < deadline, found
        await asyncio.sleep(LOOK_EVERY_S)


def told(answer: httpx.Response) -> dict[str, str]:
    """Return how a query is asked that shows at least what this answer told of."""
    token = answer.headers["consistency-token"]
    return {"Consistency-Token": token, "Prefer": "wait=30"}


@pytest.mark.usefixtures("reactors")
class TestDelivering:
    async def test_a_payment_arrives_signed_and_is_listed(
        self,
        shop: Shop,
        admin: httpx.AsyncClient,
        receiver: HttpReceiver,
        endpoint: dict[str, Any],
    ) -> None:
        payment = await shop.opened_payment()
        taken = await receiver.wait_for(3)

        assert sorted(one.json["type"] for one in taken) == OPENED
        for one in taken:
            assert Webhook(endpoint["secret"]).verify(one.body, dict(one.headers)) == one.json
        listed = await until_deliveries(admin, endpoint["id"], *["DELIVERED"] * 3)
        assert {one["paymentId"] for one in listed} == {payment["paymentId"]}
        assert {one["eventId"] for one in listed} == {one.headers["webhook-id"] for one in taken}

    async def test_deliveries_are_found_by_their_payment(
        self, shop: Shop, admin: httpx.AsyncClient, endpoint: dict[str, Any]
    ) -> None:
        wanted, other = await shop.opened_payment(), await shop.opened_payment()
        await until_deliveries(admin, endpoint["id"], *["DELIVERED"] * 6)
        path = f"{PATH}/{endpoint['id']}/deliveries"
        for payment in (wanted, other):
            found = await admin.get(path, params={"paymentId": payment["paymentId"]})
            assert [one["paymentId"] for one in found.json()["data"]] == [payment["paymentId"]] * 3
        assert (await admin.get(path, params={"paymentId": "none"})).status_code == 422

    async def test_what_is_sent_is_what_the_history_shows(
        self, shop: Shop, receiver: HttpReceiver, endpoint: dict[str, Any]
    ) -> None:
        payment = await shop.opened_payment()
        sent = {one.json["data"]["id"]: one for one in await receiver.wait_for(3)}
        first = next(iter(sent.values()))
        shown = await shop.api.get(f"/api/v1/payments/{payment['paymentId']}/events")

        assert {one["id"]: one for one in shown.json()["data"]} == {
            name: one.json["data"] for name, one in sent.items()
        }
        assert first.headers["consistency-token"]

    async def test_a_failed_delivery_shows_request_and_answer_and_is_resent_by_hand(
        self,
        shop: Shop,
        admin: httpx.AsyncClient,
        receiver: HttpReceiver,
        endpoint: dict[str, Any],
    ) -> None:
        receiver.always = Reply(500, body=b"out of order, ask jane@example.org")
        changed = {"types": ["PaymentInitiated"]}
        assert (await admin.patch(f"{PATH}/{endpoint['id']}", json=changed)).status_code == 200
        await shop.opened_payment()
        await receiver.wait_for(1)
        (listed,) = await until_deliveries(admin, endpoint["id"], "SCHEDULED")
        await receiver.wait_for(2)
        receiver.always = Reply(200)
        await until_deliveries(admin, endpoint["id"], "DELIVERED")

        path = f"/api/v1/webhook-deliveries/{listed['id']}"
        shown = (await admin.get(path)).json()
        first = shown["history"][0]
        assert (first["status"], first["error"]) == (500, "status_500")
        assert first["answer"] == "out of order, ask [e-mail]"
        request = shown["request"]
        assert request["url"] == receiver.url
        assert request["headers"]["webhook-signature"] == "v1,***"
        assert request["body"] == receiver.taken[0].json

        before = len(receiver.taken)
        resent = await admin.post(f"{path}/resend")
        assert resent.status_code == 202
        # As it was found: by what differs from it, the dashboard knows when its page tells of the resend.
        assert resent.json() == {name: shown[name] for name in resent.json()}
        await receiver.wait_for(before + 1)
        assert receiver.taken[-1].headers["webhook-id"] == listed["eventId"]

    async def test_a_test_event_arrives(
        self, admin: httpx.AsyncClient, receiver: HttpReceiver, endpoint: dict[str, Any]
    ) -> None:
        asked = await admin.post(f"{PATH}/{endpoint['id']}/test")
        (taken,) = await receiver.wait_for(1)

        assert asked.status_code == 202
        assert taken.headers["webhook-id"] == asked.json()["eventId"]
        assert Webhook(endpoint["secret"]).verify(taken.body, dict(taken.headers))
        (listed,) = await until_deliveries(admin, endpoint["id"], "DELIVERED")
        assert listed["id"] == asked.json()["deliveryId"]

    async def test_pages_of_deliveries_hold_each_once(
        self,
        shop: Shop,
        admin: httpx.AsyncClient,
        receiver: HttpReceiver,
        endpoint: dict[str, Any],
    ) -> None:
        for _ in range(2):
            await shop.opened_payment()
        await until_deliveries(admin, endpoint["id"], *["DELIVERED"] * 6)
        path, seen, cursor = f"{PATH}/{endpoint['id']}/deliveries", [], None
        while True:
            query = {"limit": 4, **({"cursor": cursor} if cursor else {})}
            page = (await admin.get(path, params=query)).json()
            seen += [one["id"] for one in page["data"]]
            cursor = page["nextCursor"]
            if cursor is None:
                break
        assert len(seen) == len(set(seen)) == 6
        filtered = await deliveries(admin, endpoint["id"], type="PaymentInitiated")
        assert len(filtered) == 2
        for bad in ("x", "W10", "!"):
            answer = await admin.get(path, params={"cursor": bad})
            assert (answer.status_code, answer.json()["param"]) == (422, "cursor")

    async def test_a_range_is_resent(
        self,
        shop: Shop,
        admin: httpx.AsyncClient,
        receiver: HttpReceiver,
        endpoint: dict[str, Any],
    ) -> None:
        await shop.opened_payment()
        listed = await until_deliveries(admin, endpoint["id"], *["DELIVERED"] * 3)
        since = min(one["recordedAt"] for one in listed)
        body = {
            "from": since,
            "to": "2100-01-01T00:00:00Z",
            "types": ["CheckoutCreated"],
            "statuses": ["DELIVERED"],
        }
        answer = await admin.post(f"{PATH}/{endpoint['id']}/resend", json=body)
        assert (answer.status_code, answer.json()) == (202, {"resent": 1, "hasMore": False})
        taken = await receiver.wait_for(2, of=lambda one: one.json["type"] == "CheckoutCreated")
        assert len({one.headers["webhook-id"] for one in taken}) == 1


@pytest.mark.usefixtures("reactors")
class TestEndpoints:
    async def test_the_secret_is_shown_once_and_rotating_shows_another(
        self, admin: httpx.AsyncClient, endpoint: dict[str, Any]
    ) -> None:
        assert endpoint["secret"].startswith("whsec_")
        shown = await admin.get(f"{PATH}/{endpoint['id']}")
        assert "secret" not in shown.json()
        rotated = await admin.post(f"{PATH}/{endpoint['id']}/rotate", json={"overlapSeconds": 60})
        assert rotated.status_code == 200
        assert rotated.json()["secret"] != endpoint["secret"]
        assert (await admin.post(f"{PATH}/{endpoint['id']}/rotate")).status_code == 200

    async def test_the_secret_is_nowhere_in_clear(
        self, installation: Installation, endpoint: dict[str, Any], shop: Shop
    ) -> None:
        stored = (await shop.store.read(f"endpoint-{endpoint['id']}")).events[0]
        secret = endpoint["secret"].removeprefix("whsec_")
        assert secret not in str(stored)
        logs = installation.log.read_text() + (installation.folder / "work.log").read_text()
        assert secret not in logs

    async def test_changes_are_shown_at_once(
        self, admin: httpx.AsyncClient, endpoint: dict[str, Any]
    ) -> None:
        path = f"{PATH}/{endpoint['id']}"
        changed = await admin.patch(path, json={"enabled": False, "types": ["PaymentCompleted"]})
        assert changed.status_code == 200
        assert changed.headers["consistency-token"]
        shown = (await admin.get(path)).json()
        assert (shown["enabled"], shown["types"]) == (False, ["PaymentCompleted"])

    async def test_what_was_just_done_is_listed_with_its_token(
        self, admin: httpx.AsyncClient, receiver: HttpReceiver
    ) -> None:
        for _ in range(ROUNDS):
            made = await admin.post(PATH, json={"tenantId": "acme", "url": receiver.url})
            path = f"{PATH}/{made.json()['id']}"
            listed = await admin.get(PATH, params={"tenantId": "acme"}, headers=told(made))
            assert made.json()["id"] in {one["id"] for one in listed.json()["data"]}
            shown = await admin.get(path, headers=told(made))
            assert shown.json()["createdAt"] is not None

            tested = await admin.post(f"{path}/test")
            delivery = tested.json()["deliveryId"]
            found = await admin.get(f"{path}/deliveries", headers=told(tested))
            assert [one["id"] for one in found.json()["data"]] == [delivery]
            one = await admin.get(f"/api/v1/webhook-deliveries/{delivery}", headers=told(tested))
            assert one.json()["id"] == delivery

            gone = await admin.delete(path)
            left = await admin.get(PATH, params={"tenantId": "acme"}, headers=told(gone))
            assert made.json()["id"] not in {one["id"] for one in left.json()["data"]}

    @pytest.mark.parametrize(
        ("body", "param"),
        [
            ({"url": "ftp://shop.example"}, "url"),
            ({"url": "https://user:secret@shop.example"}, "url"),
            ({"url": "shop.example/hooks"}, "url"),
            ({"url": "https://shop.example", "types": ["NoSuchEvent"]}, "types"),
            ({"url": "https://shop.example", "secret": "whsec_mine"}, "secret"),
            ({}, "url"),
        ],
    )
    async def test_what_cannot_be_an_endpoint_is_refused(
        self, admin: httpx.AsyncClient, body: dict[str, Any], param: str
    ) -> None:
        answer = await admin.post(PATH, json={"tenantId": "acme", **body})
        assert (answer.status_code, answer.json()["param"]) == (422, param)

    async def test_a_key_of_all_tenants_names_one(self, admin: httpx.AsyncClient) -> None:
        answer = await admin.post(PATH, json={"url": "https://shop.example"})
        assert (answer.status_code, answer.json()["param"]) == (422, "tenantId")

    @pytest.mark.parametrize(
        "name", ["nonsense", "0198c5d0-7c1e-7b43-8a55-0c8f6a1d2e3f", "%2e%2e", "a" * 300]
    )
    async def test_what_is_not_there(self, admin: httpx.AsyncClient, name: str) -> None:
        for answer in (
            await admin.get(f"{PATH}/{name}"),
            await admin.patch(f"{PATH}/{name}", json={}),
            await admin.delete(f"{PATH}/{name}"),
            await admin.post(f"{PATH}/{name}/rotate"),
            await admin.post(f"{PATH}/{name}/test"),
            await admin.get(f"{PATH}/{name}/deliveries"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (
                404,
                "webhook_endpoint_not_found",
            )
        missing = await admin.post(f"/api/v1/webhook-deliveries/{name}/resend")
        assert (missing.status_code, missing.json()["code"]) == (404, "webhook_delivery_not_found")

    @pytest.mark.parametrize("key", ["acme", "viewer", "auditor"])
    async def test_it_takes_an_admin(self, installation: Installation, key: str) -> None:
        async with client(installation.url, headers=installation.authorization(key)) as other:
            for answer in (
                await other.get(PATH, params={"tenantId": "acme"}),
                await other.post(PATH, json={"tenantId": "acme", "url": "https://shop.example"}),
                await other.post(f"{PATH}/{uuid4()}/rotate"),
                await other.post(f"/api/v1/webhook-deliveries/{uuid4()}/resend"),
            ):
                assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.timeout(300)
class TestCrashes:
    async def test_killed_again_and_again_the_reactors_lose_nothing_and_repeat_no_other_id(
        self, installation: Installation, shop: Shop, admin: httpx.AsyncClient
    ) -> None:
        async with http_receiver() as receiver:
            receiver.always = Reply(200, after_s=0.05)
            body = {"tenantId": "acme", "url": receiver.url}
            endpoint = (await admin.post(PATH, json=body)).json()
            payments = []
            for number in range(4):
                log = installation.folder / "killed.log"
                process = launch(WORK, log=log, env=installation.environment)
                try:
                    payments += [(await shop.opened_payment())["paymentId"] for _ in range(5)]
                    await receiver.wait_for(number * 12 + 3)  # in the middle of it
                finally:
                    kill(process)
            wanted = {
                one.event_id
                for payment in payments
                for one in (await shop.store.read(f"payment-{payment}")).events
            }
            with reacting(installation):
                deadline = time.monotonic() + 4 * WITHIN_S  # a claim of the dead runs out first
                while not wanted <= {one.headers["webhook-id"] for one in receiver.taken}:
                    assert time.monotonic() < deadline
                    await asyncio.sleep(LOOK_EVERY_S)
            assert {one.headers["webhook-id"] for one in receiver.taken} == wanted
            assert len(wanted) == 60
            assert (await admin.delete(f"{PATH}/{endpoint['id']}")).status_code == 204
