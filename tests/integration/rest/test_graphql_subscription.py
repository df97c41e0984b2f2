"""The subscription on the running server: whose events come, to whom, and for how long."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets

from tests.integration.rest.installation import Installation
from tests.integration.rest.shop import Shop, order

WAIT_S = 60.0
PROTOCOL = websockets.Subprotocol("graphql-transport-ws")
OPENED = ["PaymentInitiated", "ProviderAttemptStarted", "CheckoutCreated"]
EVENTS = """subscription($after: String, $types: [String!]) { paymentEvents(after: $after, types: $types) {
    cursor event { type paymentId revision } } }"""

pytestmark = pytest.mark.usefixtures("projections")


class Subscriber:
    """One subscription over one connection."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket

    async def said(self) -> dict[str, Any]:
        """Return the next message of the subscription."""
        said: dict[str, Any] = json.loads(await self._socket.recv())
        return said

    async def take(self, number: int, *, of: str) -> list[dict[str, Any]]:
        """Return the next events of a payment."""
        found: list[dict[str, Any]] = []
        while len(found) < number:
            entry = await self.entry()
            if entry["event"]["paymentId"] == of:
                found.append(entry)
        return found

    async def entry(self) -> dict[str, Any]:
        """Return the next event, whichever it is."""
        said = await self.said()
        assert said["type"] == "next", said
        assert said["payload"].get("errors") is None, said
        entry: dict[str, Any] = said["payload"]["data"]["paymentEvents"]
        return entry

    async def refusal(self) -> str:
        """Return the code with which the subscription ends."""
        while (said := await self.said())["type"] == "next" and said["payload"].get("data"):
            pass
        told = said["payload"]["errors"] if said["type"] == "next" else said["payload"]
        (error,) = told
        return str(error["extensions"]["code"])


@asynccontextmanager
async def subscribed(
    installation: Installation,
    authorization: Mapping[str, str],
    *,
    after: str | None = None,
    types: list[str] | None = None,
) -> AsyncGenerator[Subscriber, None]:
    url = f"{installation.url.replace('http', 'ws', 1)}/graphql"
    async with (
        asyncio.timeout(WAIT_S),
        websockets.connect(url, subprotocols=[PROTOCOL]) as socket,
    ):
        await socket.send(json.dumps({"type": "connection_init", "payload": authorization}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        payload = {"query": EVENTS, "variables": {"after": after, "types": types}}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        yield Subscriber(socket)


async def key_of(shop: Shop, *roles: str, tenant_id: str = "acme") -> tuple[str, dict[str, str]]:
    """Make a key; return its id and how it is named."""
    made = await shop.api.post(
        "/api/v1/apikeys",
        json={"tenantId": tenant_id, "roles": list(roles)},
        headers=shop.installation.authorization("admin"),
    )
    assert made.status_code == 201, made.text
    return made.json()["id"], {"Authorization": f"Bearer {made.json()['key']}"}


class TestEvents:
    async def test_come_as_they_happen_in_order_and_go_on_after_a_cursor(
        self, installation: Installation, shop: Shop
    ) -> None:
        mine = installation.authorization("acme")
        opened = await shop.opened_payment()
        async with subscribed(installation, mine) as first:
            events = await first.take(3, of=opened["paymentId"])
        assert [one["event"]["type"] for one in events] == OPENED
        assert [one["event"]["revision"] for one in events] == [0, 1, 2]
        async with subscribed(installation, mine, after=events[1]["cursor"]) as again:
            assert (await again.entry())["event"] == events[2]["event"]
            await shop.command("cancel", opened["paymentId"])
            (cancelled,) = await again.take(1, of=opened["paymentId"])
        assert cancelled["event"]["type"] == "PaymentCancelled"

    async def test_of_the_types_that_are_wanted_alone(
        self, installation: Installation, shop: Shop
    ) -> None:
        types = ["PaymentCancelled"]
        async with subscribed(
            installation, installation.authorization("acme"), types=types
        ) as only:
            opened = await shop.opened_payment()
            await shop.command("cancel", opened["paymentId"])
            seen: list[str] = []
            while opened["paymentId"] not in seen:
                event = (await only.entry())["event"]
                assert event["type"] == "PaymentCancelled"
                seen.append(event["paymentId"])

    async def test_of_another_tenant_are_never_seen(
        self, installation: Installation, shop: Shop
    ) -> None:
        async with subscribed(installation, installation.authorization("rival")) as rival:
            before = await shop.opened_payment()
            theirs = await shop.api.post(
                "/api/v1/payments/initiate",
                json=order(tenantId="rival"),
                headers=installation.authorization("rival"),
            )
            seen: list[str] = []
            while seen.count(theirs.json()["paymentId"]) < len(OPENED):
                seen.append((await rival.entry())["event"]["paymentId"])
            after = await shop.opened_payment()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    seen.append((await rival.entry())["event"]["paymentId"])
        assert not {before["paymentId"], after["paymentId"]} & set(seen)

    async def test_take_no_request_each_and_none_while_nothing_happens(
        self, installation: Installation, shop: Shop
    ) -> None:
        """They come from where the streams of REST come from, not from asking again and again."""
        _, viewer = await key_of(shop, "viewer")
        async with subscribed(installation, viewer) as follower:
            opened = await shop.opened_payment()
            await follower.take(3, of=opened["paymentId"])
            asked = await event_requests(shop)
            assert asked > 0
            more = [await shop.opened_payment() for _ in range(3)]
            for payment in more:
                await follower.take(3, of=payment["paymentId"])
            assert await event_requests(shop) == asked


async def event_requests(shop: Shop) -> float:
    """Return how often events were asked for over REST, by whomever."""
    text = (await shop.api.get("/metrics")).text
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("gateway_http_requests_total") and "/api/v1/events" in line
    )


class TestAccess:
    async def test_nobody_without_a_key_follows_anything(self, installation: Installation) -> None:
        url = f"{installation.url.replace('http', 'ws', 1)}/graphql"
        async with websockets.connect(url, subprotocols=[PROTOCOL]) as socket:
            await socket.send(json.dumps({"type": "connection_init"}))
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await asyncio.wait_for(socket.recv(), WAIT_S)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4403

    @pytest.mark.parametrize("roles", [("order-service",), ("admin",), ("operator",)])
    async def test_a_key_that_may_not_see_events_is_refused(
        self, installation: Installation, shop: Shop, roles: tuple[str, ...]
    ) -> None:
        _, key = await key_of(shop, *roles)
        async with subscribed(installation, key) as refused:
            assert await refused.refusal() == "forbidden"

    async def test_a_key_of_all_tenants_would_have_to_name_one(
        self, installation: Installation
    ) -> None:
        auditor = installation.authorization("auditor")
        async with subscribed(installation, auditor) as refused:
            assert await refused.refusal() == "invalid_value"

    @pytest.mark.parametrize("given", [{"types": ["NoSuchEvent"]}, {"after": "nowhere"}])
    async def test_what_cannot_be_followed_is_refused(
        self, installation: Installation, given: dict[str, Any]
    ) -> None:
        mine = installation.authorization("acme")
        async with subscribed(installation, mine, **given) as refused:
            assert await refused.refusal() == "invalid_value"

    async def test_a_subscription_ends_soon_after_its_key_was_revoked(
        self, installation: Installation, shop: Shop
    ) -> None:
        key_id, key = await key_of(shop, "viewer")
        async with subscribed(installation, key) as follower:
            opened = await shop.opened_payment()
            await follower.take(3, of=opened["paymentId"])
            admin = installation.authorization("admin")
            gone = await shop.api.delete(f"/api/v1/apikeys/{key_id}", headers=admin)
            assert gone.status_code == 200
            assert await follower.refusal() == "unauthorized"
