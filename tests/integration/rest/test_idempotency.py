"""A command sent twice under one key acts once, whoever sends it, and whatever crashes in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from fastapi.routing import APIRoute

from payment_gateway.asgi import application
from payment_gateway.presentation.rest.idempotency import is_idempotent
from sandbox.ports import free_port
from tests.child_process import kill
from tests.integration.rest.frozen_proxy import frozen_proxy
from tests.integration.rest.installation import Installation, api_process, client
from tests.integration.rest.shop import Shop, nothing_happens, open_shop, order, refusal
from tests.integration.rest.silent_proxy import silent_proxy

WAIT_S = 30.0
# Notifications are known by their ids.
OTHERWISE_REPEATABLE = "/api/v1/webhooks/"
LEASE_S = "3"


async def send(
    shop: Shop, path: str, body: object, key: str, *, as_: str = "acme", **headers: str
) -> httpx.Response:
    sent = {**shop.installation.authorization(as_), "Idempotency-Key": key, **headers}
    return await shop.api.post(f"/api/v1/{path}", json=body, headers=sent)


async def patiently(
    shop: Shop, path: str, body: object, key: str, *, as_: str = "acme"
) -> httpx.Response:
    """Send again for as long as the answer is that the command is under way."""
    deadline = time.monotonic() + WAIT_S
    while True:
        answer = await send(shop, path, body, key, as_=as_)
        if answer.status_code != 409 or answer.json()["code"] != "idempotency_key_in_use":
            return answer
        assert int(answer.headers["retry-after"]) >= 1
        assert time.monotonic() < deadline, "the claim did not lapse in time"
        await asyncio.sleep(0.1)


def new_key() -> str:
    return f"key-{uuid4()}"


def same(first: httpx.Response, again: httpx.Response) -> bool:
    """Whether an answer is a repetition of another, to the byte."""
    told = ("etag", "consistency-token", "content-type")
    return (
        again.headers.get("idempotent-replayed") == "true"
        and "idempotent-replayed" not in first.headers
        and (first.status_code, first.content) == (again.status_code, again.content)
        and [first.headers.get(name) for name in told] == [again.headers.get(name) for name in told]
    )


class TestRepetition:
    async def test_each_payment_command_is_answered_as_the_first_time(self, shop: Shop) -> None:
        key = new_key()
        opened = await send(shop, "payments/initiate", order(), key)
        assert opened.status_code == 201
        payment = opened.json()
        await shop.approve(payment["checkoutUrl"])
        of_payment: dict[str, Any] = {"tenantId": "acme", "paymentId": payment["paymentId"]}
        commands: list[tuple[str, dict[str, Any]]] = [
            ("payments/initiate", order()),
            ("payments/complete", {**of_payment, "providerType": "PAYPAL"}),
            ("payments/refund", {**of_payment, "amount": "5.00"}),
        ]
        for path, body in commands:
            first = await send(shop, path, body, f"{key}{path}")
            assert first.is_success, first.text
            async with nothing_happens(shop):
                assert same(first, await send(shop, path, body, f"{key}{path}"))
        assert len(await shop.books("refunds", payment["paymentId"])) == 1

        other = await send(shop, "payments/initiate", order(), new_key())
        cancel = {"tenantId": "acme", "paymentId": other.json()["paymentId"]}
        first = await send(shop, "payments/cancel", cancel, key + "c")
        assert same(first, await send(shop, "payments/cancel", cancel, key + "c"))

    async def test_a_split_is_one(self, shop: Shop) -> None:
        body = {
            "tenantId": "acme",
            "orderId": "order-1",
            "currency": "USD",
            "amount": "19.99",
            "parts": [
                {"providerType": "PAYPAL", "amount": "12.00"},
                {"providerType": "PAYPAL", "amount": "7.99"},
            ],
        }
        key = new_key()
        first = await send(shop, "payments/split", body, key)
        assert first.status_code == 201, first.text
        async with nothing_happens(shop):
            assert same(first, await send(shop, "payments/split", body, key))

    async def test_so_are_the_commands_of_admins(self, shop: Shop) -> None:
        tenant = {"tenantId": f"t{uuid4().hex[:10]}", "name": "New"}
        key = new_key()
        first = await send(shop, "tenants", tenant, key, as_="admin")
        assert first.status_code == 201
        assert same(first, await send(shop, "tenants", tenant, key, as_="admin"))

    async def test_how_the_json_is_written_does_not_matter(self, shop: Shop) -> None:
        key = new_key()
        first = await send(shop, "payments/initiate", order(), key)
        turned = dict(reversed(order().items()))
        assert same(first, await send(shop, "payments/initiate", turned, key))

    async def test_without_the_header_nothing_is_kept(self, shop: Shop) -> None:
        first, second = await shop.initiate(), await shop.initiate()
        assert first.json()["paymentId"] != second.json()["paymentId"]
        assert "idempotent-replayed" not in second.headers

    async def test_twenty_at_once_make_one_payment(self, shop: Shop) -> None:
        key, body = new_key(), order(orderId=f"order-{uuid4()}")
        answers = await asyncio.gather(
            *(send(shop, "payments/initiate", body, key) for _ in range(20))
        )
        made = [one for one in answers if one.status_code == 201]
        assert len({one.json()["paymentId"] for one in made}) == 1
        others = [refusal(one) for one in answers if one.status_code != 201]
        assert set(others) <= {(409, "idempotency_key_in_use", "Idempotency-Key")}
        assert len(await shop.books("orders", made[0].json()["paymentId"])) == 1


class TestRefusal:
    async def test_another_body_with_the_key(self, shop: Shop) -> None:
        key = new_key()
        await send(shop, "payments/initiate", order(), key)
        async with nothing_happens(shop):
            answer = await send(shop, "payments/initiate", order(amount="20.00"), key)
        assert refusal(answer) == (422, "idempotency_key_reused", "Idempotency-Key")

    async def test_another_command_with_the_key(self, shop: Shop) -> None:
        key = new_key()
        opened = (await send(shop, "payments/initiate", order(), key)).json()
        cancel = {"tenantId": "acme", "paymentId": opened["paymentId"]}
        answer = await send(shop, "payments/cancel", cancel, key)
        assert refusal(answer) == (422, "idempotency_key_reused", "Idempotency-Key")

    @pytest.mark.parametrize(
        ("wrong", "status"),
        [
            (order(amount="-1"), 422),
            (order(tenantId="rival"), 403),
            (order(providerType="STRIPE"), 422),
            (order(amount="5000.01"), 422),
        ],
    )
    async def test_a_refused_command_does_not_use_its_key_up(
        self, shop: Shop, wrong: object, status: int
    ) -> None:
        key = new_key()
        for _ in range(2):
            assert (await send(shop, "payments/initiate", wrong, key)).status_code == status
        corrected = await send(shop, "payments/initiate", order(), key)
        assert corrected.status_code == 201
        assert same(corrected, await send(shop, "payments/initiate", order(), key))

    async def test_before_the_payer_approved_a_completion_does_not_use_it_up(
        self, shop: Shop
    ) -> None:
        payment = await shop.opened_payment()
        body = {
            "tenantId": "acme",
            "providerType": "PAYPAL",
            "paymentId": payment["paymentId"],
        }
        key = new_key()
        early = await send(shop, "payments/complete", body, key)
        assert refusal(early)[:2] == (409, "payment_not_approved")
        await shop.approve(payment["checkoutUrl"])
        assert (await send(shop, "payments/complete", body, key)).json()["status"] == "COMPLETED"

    @pytest.mark.parametrize("key", ["", "x" * 256])
    async def test_a_key_that_is_none(self, shop: Shop, key: str) -> None:
        async with nothing_happens(shop):
            answer = await send(shop, "payments/initiate", order(), key)
        assert refusal(answer) == (422, "invalid_value", "Idempotency-Key")

    async def test_a_body_that_nobody_asked_for_is_no_failure(self, shop: Shop) -> None:
        headers = {**shop.installation.authorization("admin"), "Idempotency-Key": new_key()}
        path = f"/api/v1/apikeys/{uuid4()}"
        for body in (b"\xff{", b"\xff{", b""):
            answer = await shop.api.request("DELETE", path, content=body, headers=headers)
            assert refusal(answer)[0] == 404

    async def test_who_may_not_leaves_nothing(self, shop: Shop) -> None:
        async with nothing_happens(shop):
            answer = await send(shop, "payments/initiate", order(), new_key(), as_="viewer")
        assert answer.status_code == 403

    async def test_a_key_is_of_its_tenant_alone(self, shop: Shop) -> None:
        key = new_key()
        ours = await send(shop, "payments/initiate", order(), key)
        theirs = await send(shop, "payments/initiate", order(tenantId="rival"), key, as_="rival")
        assert theirs.status_code == 201
        assert ours.json()["paymentId"] != theirs.json()["paymentId"]

    async def test_where_the_provider_was_not_reached_the_same_goes_on(self, shop: Shop) -> None:
        url, key = f"http://127.0.0.1:{free_port()}", new_key()
        nobody = f"http://127.0.0.1:{free_port()}"
        with api_process(shop.installation, url=url, GATEWAY_PAYPAL_BASE_URL=nobody):
            async with open_shop(shop.installation, url=url) as cut_off:
                away = await send(cut_off, "payments/initiate", order(), key)
        assert refusal(away)[:2] == (503, "provider_unavailable")
        back = await send(shop, "payments/initiate", order(), key)
        assert back.status_code == 201, back.text
        assert await shop.history(back.json()["paymentId"]) == [
            "PaymentInitiated",
            "ProviderAttemptStarted",
            "ProviderAttemptFailed",
            "ProviderAttemptStarted",
            "CheckoutCreated",
        ]


class TestCrash:
    @pytest.mark.parametrize("arrives", [True, False], ids=["work_done", "work_not_done"])
    async def test_killed_before_it_answered(self, shop: Shop, arrives: bool) -> None:
        """Whoever sends it again gets the one payment that was begun, and its one refund."""
        paid = await shop.paid_payment(amount="50.00")
        url, key = f"http://127.0.0.1:{free_port()}", new_key()
        refund = {"tenantId": "acme", "paymentId": paid, "amount": "20.00"}
        silent = ("/v2/checkout/orders", "/refund")
        settings = {"GATEWAY_IDEMPOTENCY_LEASE_S": LEASE_S}
        async with (
            AsyncExitStack() as stack,
            silent_proxy(shop.installation.paypal, silent=silent, arrives=arrives) as proxy,
        ):
            with api_process(
                shop.installation, url=url, GATEWAY_PAYPAL_BASE_URL=proxy.url, **settings
            ) as api:
                doomed = await stack.enter_async_context(open_shop(shop.installation, url=url))
                requests = asyncio.gather(
                    send(doomed, "payments/initiate", order(), key),
                    send(doomed, "payments/refund", refund, key + "r"),
                    return_exceptions=True,
                )
                await _until_met(proxy.met, silent)
                kill(api)
                answers = await requests
        assert all(isinstance(answer, httpx.TransportError) for answer in answers), answers

        first = await patiently(shop, "payments/initiate", order(), key)
        assert first.status_code == 202, first.text  # begun by one that crashed: it is in doubt
        payment_id = first.json()["paymentId"]
        assert await shop.history(payment_id) == ["PaymentInitiated", "ProviderAttemptStarted"]
        assert same(first, await send(shop, "payments/initiate", order(), key))

        refunded = await patiently(shop, "payments/refund", refund, key + "r")
        assert (refunded.status_code, refunded.json()["status"]) == (202, "REQUESTED")
        assert (await shop.history(paid)).count("RefundRequested") == 1
        assert same(refunded, await send(shop, "payments/refund", refund, key + "r"))

    async def test_killed_before_the_answer_that_it_gave_is_kept(self, shop: Shop) -> None:
        key = new_key()
        given = await _given_and_not_kept(shop, "payments/initiate", order(), key)
        made = await shop.traces()
        again = await patiently(shop, "payments/initiate", order(), key)
        assert (again.status_code, again.json()) == (201, given.json())
        assert (await shop.history(again.json()["paymentId"]))[-1] == "CheckoutCreated"
        assert (await shop.traces())[1:] == made[1:]  # no provider was told anything more
        assert same(again, await send(shop, "payments/initiate", order(), key))

    async def test_an_api_key_that_was_made_by_one_who_was_killed_is_one(self, shop: Shop) -> None:
        key = new_key()
        wanted = {"tenantId": "acme", "roles": ["viewer"], "name": key}
        await _given_and_not_kept(shop, "apikeys", wanted, key, as_="admin")
        again = await patiently(shop, "apikeys", wanted, key, as_="admin")
        assert again.status_code == 201, again.text
        shown = {"Authorization": f"Bearer {again.json()['key']}"}
        assert (await shop.api.get("/api/v1/payments", headers=shown)).status_code != 401
        assert [one["id"] for one in await _keys_named(shop, key)] == [again.json()["id"]]


async def _given_and_not_kept(
    shop: Shop, path: str, body: object, key: str, *, as_: str = "acme"
) -> httpx.Response:
    """Return what a process answered that was killed while it kept the answer."""
    url = f"http://127.0.0.1:{free_port()}"
    store = urlsplit(shop.installation.environment["GATEWAY_EVENTSTORE_URI"])
    assert store.hostname
    assert store.port
    async with frozen_proxy(store.hostname, store.port, marker=b"CommandAnswered") as proxy:
        settings = {
            "GATEWAY_IDEMPOTENCY_LEASE_S": LEASE_S,
            "GATEWAY_EVENTSTORE_URI": f"esdb://{proxy.address}?Tls=false",
        }
        starting = api_process(shop.installation, url=url, **settings)
        with ExitStack() as stack:  # it waits until it is ready: not in the proxy's loop
            api = await asyncio.to_thread(stack.enter_context, starting)
            async with open_shop(shop.installation, url=url) as doomed:
                given = await send(doomed, path, body, key, as_=as_)
                assert given.status_code == 201, given.text
                async with asyncio.timeout(WAIT_S):
                    await proxy.frozen.wait()
                kill(api)
    return given


async def _keys_named(shop: Shop, name: str) -> list[dict[str, Any]]:
    """Return the API keys of a name, from all pages of the list."""
    headers, found, cursor = shop.installation.authorization("admin"), [], ""
    while True:
        page = await shop.api.get(f"/api/v1/apikeys?limit=100{cursor}", headers=headers)
        found += [one for one in page.json()["data"] if one["name"] == name]
        if page.json()["nextCursor"] is None:
            return found
        cursor = f"&cursor={page.json()['nextCursor']}"


async def _until_met(met: set[str], ends: tuple[str, ...]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not met >= set(ends):
        assert time.monotonic() < deadline, "the provider was not called in time"
        await asyncio.sleep(0.01)


def routes_of(router: object) -> Iterator[APIRoute]:
    for route in getattr(router, "routes", ()):
        if isinstance(route, APIRoute):
            yield route
        yield from routes_of(getattr(route, "original_router", None))


def test_every_command_heeds_the_key(installation: Installation) -> None:
    """A new route that changes something cannot be forgotten."""
    commands = [
        route
        for route in routes_of(application(installation.settings))
        if (route.methods or set()) & {"POST", "PUT", "PATCH", "DELETE"}
        and route.path.startswith("/api/v1/")
        and not route.path.startswith(OTHERWISE_REPEATABLE)
    ]
    assert len(commands) >= 8
    assert [route.path for route in commands if not is_idempotent(route.endpoint)] == []


async def test_answers_are_the_same_with_and_without_a_key(installation: Installation) -> None:
    async with client(installation.url, headers=installation.authorization("admin")) as admin:
        tenant = {"tenantId": f"t{uuid4().hex[:10]}", "name": "Zoë"}
        keyed = await admin.post(
            "/api/v1/tenants", json=tenant, headers={"Idempotency-Key": new_key()}
        )
        plain = await admin.post("/api/v1/tenants", json=tenant)
    assert (keyed.status_code, keyed.content) == (plain.status_code, plain.content)
    assert keyed.headers["content-type"] == plain.headers["content-type"]


@pytest.mark.parametrize(
    ("path", "body", "secret"),
    [
        ("apikeys", {"tenantId": "acme", "roles": ["viewer"]}, "key"),
        ("webhook-endpoints", {"tenantId": "acme", "url": "https://shop.example"}, "secret"),
    ],
)
async def test_a_repetition_says_all_but_what_is_shown_once(
    shop: Shop, path: str, body: dict[str, object], secret: str
) -> None:
    key = new_key()
    first, again = [await send(shop, path, body, key, as_="admin") for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()[secret]
    assert again.json() == {**first.json(), secret: None}
